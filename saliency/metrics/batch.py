"""What measures read: the maps of some samples, and what several measures share, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from saliency.methods.registered import leading_method, method
from saliency.methods.upsampling import upsample

Own = TypeVar("Own", bound="Shared")
Result = TypeVar("Result")


def measured_methods(names: Iterable[str]) -> list[str]:
    """The methods whose maps are measured: the leading one first, then those that are not made from others.

    Parameters
    ----------
    names
        In the order of `saliency.methods.registered.methods`.

    Examples
    --------
    >>> [method(name).title for name in measured_methods(["guided_backprop", "gradcam", "guided_gradcam"])]
    ['Grad-CAM', 'Guided Backprop']
    """
    names = list(names)
    leading = leading_method(names)
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

    Attributes
    ----------
    masks
        ``(n, *spatial)``, bool: False everywhere where there are none.
    methods
        Names of the measured ones, the leading one first.
    leading
        Name of the method whose maps say where.
    fine
        Names of the measured methods on the input's grid.
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
    ) -> None:
        super().__init__()
        names = list(next(iter(raw.values())))
        leading = leading_method(names)
        if leading is None:
            raise ValueError(f"none of {', '.join(names)} says where the model looks: add a method on the target layer")
        self.raw, self.spatial, self.settings, self.leading = raw, spatial, settings, leading
        self.methods = measured_methods(names)
        self.fine = [name for name in self.methods if method(name).grid == "input"]
        self.compared = list(raw)[:2]
        self.masks = np.zeros((len(self), *spatial), dtype=bool) if masks is None else masks

    def __len__(self) -> int:
        return len(next(iter(self.raw.values()))[self.leading])


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

    @property
    def leading(self) -> np.ndarray:
        """Maps of the leading method, ``(n, *feature_spatial)``, not negative."""
        return self.raw[self.batch.leading]

    @cached_property
    def maps(self) -> np.ndarray:
        """Maps of the leading method, upsampled to the input: ``(n, *spatial)``, not negative."""
        import torch

        return upsample(torch.from_numpy(self.leading), self.batch.spatial)[:, 0].numpy()
