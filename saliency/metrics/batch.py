"""What measures read: the maps of some samples, and what several measures share, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from saliency.methods.registered import leading_method, method
from saliency.methods.upsampling import upsample
from saliency.metrics.magnitude import unsigned

Own = TypeVar("Own", bound="Shared")
Result = TypeVar("Result")


def measured_methods(names: Iterable[str], chosen: str | None = None) -> list[str]:
    """The methods whose maps are measured: the audited one first, then those that are not made from others.

    Parameters
    ----------
    names
        In the order of `saliency.methods.registered.methods`.
    chosen
        The audited one; None for the leading one (`saliency.methods.registered.leading_method`).

    Examples
    --------
    >>> names = ["guided_backprop", "gradcam", "guided_gradcam"]
    >>> [method(name).title for name in measured_methods(names)]
    ['Grad-CAM', 'Guided Backprop']
    >>> [method(name).title for name in measured_methods(names, "guided_gradcam")]
    ['Guided Grad-CAM', 'Guided Backprop', 'Grad-CAM']
    """
    names = list(names)
    leading = chosen or leading_method(names)
    measured = [name for name in names if name == leading or not method(name).parts]
    return sorted(measured, key=lambda name: name != leading)


class Shared:
    """Something that several measures read the same of."""

    def __init__(self) -> None:
        self._results: dict[Callable[..., Any], Any] = {}

    def once(self: Own, compute: Callable[[Own], Result]) -> Result:
        """What a function makes of this; it is called once, however many measures ask."""
        if compute not in self._results:
            self._results[compute] = compute(self)
        return self._results[compute]


class Batch(Shared):
    """Maps of some samples.

    Parameters
    ----------
    raw
        By target and method, as stored, see `saliency.metrics.table.measure_shard`.
    masks
        ``(n, *spatial)``, bool; None where there are none.
    spatial
        Spatial shape of the network's input.
    settings
        Of the measures, all of them.
    audited
        Name of the method whose maps say where; None for the leading one.

    Attributes
    ----------
    masks
        ``(n, *spatial)``, bool: False everywhere where there are none.
    methods
        Names of the measured ones, the audited one first.
    audited
        Name of the method whose maps say where.
    fine
        Names of the other measured methods that are on the input's grid.
    compared
        The first two targets; the only one where there are no two.

    Raises
    ------
    ValueError
        If no method says where.
    """

    def __init__(
        self,
        raw: Mapping[str, Mapping[str, np.ndarray]],
        masks: np.ndarray | None,
        spatial: tuple[int, ...],
        settings: Mapping[str, Any],
        audited: str | None = None,
    ) -> None:
        super().__init__()
        names = list(next(iter(raw.values())))
        found = audited or leading_method(names)
        if found is None:
            raise ValueError(f"none of {', '.join(names)} says where the model looks: add a method on the target layer")
        self.raw, self.spatial, self.settings, self.audited = raw, spatial, settings, found
        self.methods = measured_methods(names, audited)
        self.fine = [name for name in self.methods if name != found and method(name).grid == "input"]
        self.compared = list(raw)[:2]
        self.masks = np.zeros((len(self), *spatial), dtype=bool) if masks is None else masks

    def __len__(self) -> int:
        return len(next(iter(self.raw.values()))[self.audited])


class Measured(Shared):
    """What is measured: the maps of one target of a batch.

    Parameters
    ----------
    batch
        See `Batch`.
    target
        Name.

    Attributes
    ----------
    raw
        Maps by method, as stored.
    masks, settings
        As of the batch.
    """

    def __init__(self, batch: Batch, target: str) -> None:
        super().__init__()
        self.batch, self.target, self.raw = batch, target, batch.raw[target]
        self.masks, self.settings = batch.masks, batch.settings

    @cached_property
    def native(self) -> np.ndarray:
        """Maps of the audited method at their own resolution, without channels and signs: ``(n, *grid)``."""
        return unsigned(self.raw[self.batch.audited], method(self.batch.audited))

    @cached_property
    def maps(self) -> np.ndarray:
        """`native`, where it is a feature map's upsampled to the input: ``(n, *spatial)``, not negative."""
        if method(self.batch.audited).grid == "input":
            return self.native
        import torch

        return upsample(torch.from_numpy(self.native), self.batch.spatial)[:, 0].numpy()
