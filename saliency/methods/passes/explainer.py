"""Several methods on one model: the input is checked, the model runs once, and stays as it was."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from saliency.methods.method import Method
from saliency.methods.passes.black_box import check_reach
from saliency.methods.passes.forward_pass import ForwardPass
from saliency.methods.passes.layout import Layout
from saliency.methods.passes.model_state import differentiable, unchanged
from saliency.methods.passes.recording import Recording
from saliency.methods.passes.score_reader import ONLY_SCORES, ScoreReader
from saliency.methods.passes.scorer import Scorer
from saliency.methods.passes.target_layer import TargetLayer, find_sections, find_target_layer, spatial_ndim
from saliency.methods.passes.turned_axes import UNTURNED
from saliency.methods.registered import method, with_parts


class Explainer:
    """Makes the maps of several methods from one forward pass per batch.

    Parameters
    ----------
    model
        A network; any architecture. Its scores are ``[n, classes]`` or ``[n]``, of dense models
        ``[n, classes, *spatial]``.
    methods
        Those whose maps are wanted; the methods that they are made from come along.
    target_layer, section_names, mode
        As in `saliency.methods.method.Method`.
    settings
        By method, those of its settings that are not the defaults.
    reader
        Reads the scores off what the model returns.
    layout
        Of the target layer's output, where it is known; that of tokens holds for all layers.

    Attributes
    ----------
    model, reader
        The network, without the wrappers that `saliency.methods.passes.network_call.unwrapped` takes off, and what
        reads its scores.
    methods
        All methods whose maps are made, parts first.
    ndim
        Number of spatial axes.
    sections
        Names of the convolutional and of the fully connected section, None where there are none.
    """

    def __init__(
        self,
        model: nn.Module,
        methods: Sequence[type[Method]],
        target_layer: int | str | nn.Module | None = None,
        section_names: Sequence[str] | None = None,
        mode: str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        reader: ScoreReader = ONLY_SCORES,
        layout: Layout | None = None,
    ) -> None:
        self.model = model = differentiable(model)
        self.reader = reader
        self.methods = _all_methods(methods)
        check_reach(model, self.methods)
        self.ndim = spatial_ndim(model, mode)
        self.sections = find_sections(model, section_names)
        given = settings or {}
        self.settings = {found.name: found.complete(given.get(found.name, {})) for found in self.methods}
        self._wanted_layer = target_layer
        self._layout = layout
        self._found_layer: TargetLayer | None = None
        self._warned: set[str] = set()

    @property
    def layer_name(self) -> str:
        """Name of the target layer, "" while it has not been searched for."""
        return self._found_layer.name if self._found_layer else ""

    def target_layer(self, x: Tensor) -> TargetLayer:
        """Find the target layer on first use, with a few passes of noise in the shape of the batch's first sample."""
        if self._found_layer is None:
            wanted, modules = self._wanted_layer, dict(self.model.named_modules())
            if self._layout and isinstance(wanted, str) and wanted in modules:
                self._found_layer = TargetLayer(wanted, modules[wanted], self._layout)
            else:
                # How layers lie over the input is known in the network's own axes.
                example, reader = self.reader.axes.turned(x[:1]), replace(self.reader, axes=UNTURNED)
                with unchanged(self.model):
                    self._found_layer = find_target_layer(
                        self.model, wanted, self.sections, example, self._layout, reader
                    )
        return self._found_layer

    def as_batch(self, x: Tensor) -> tuple[Tensor, bool]:
        """Return `x` with a batch axis, and whether it had one."""
        if not isinstance(x, Tensor):
            raise TypeError(f"x is a {type(x).__name__}: pass a torch.Tensor, [n, c, *spatial] or [c, *spatial]")
        if not x.is_floating_point():
            raise ValueError(f"x is {x.dtype}: pass floating point values, as the network expects them")
        if x.ndim not in (self.ndim + 1, self.ndim + 2):
            axes = ", ".join(("d", "h", "w")[-self.ndim :])
            raise ValueError(f"x has shape {list(x.shape)}; for mode '{self.ndim}D' pass [n, c, {axes}] or [c, {axes}]")
        batched = x.ndim == self.ndim + 2
        batch = x if batched else x.unsqueeze(0)
        # A sum costs a twentieth, and is finite of finite values only.
        finite = batch.sum().isfinite() or batch.isfinite().flatten(1).all(dim=1)
        if not finite.all():
            bad = (~finite).nonzero().flatten().tolist()
            raise ValueError(
                f"x is not finite (NaN or infinite) in samples {bad}: leave them out, or fill in the values"
            )
        return batch, batched

    @contextmanager
    def forward_pass(
        self, x: Tensor, ignore_lastlayer: bool = False, region: Tensor | None = None
    ) -> Iterator[ForwardPass]:
        """Run the model once on the batch `x`; maps can be read inside the ``with`` block.

        Parameters
        ----------
        x
            ``[n, c, *spatial]``, floating point.
        ignore_lastlayer, region
            As in `saliency.methods.method.Method.__call__`.
        """
        needs = frozenset().union(*(found.needs for found in self.methods))
        with torch.inference_mode(False), unchanged(self.model), torch.enable_grad():
            leaf = x.clone() if x.is_inference() else x.detach()
            target = self.target_layer(leaf) if "features" in needs else None
            scorer = Scorer(self.model, self.reader, ignore_lastlayer, region)
            recording = Recording(scorer, leaf, needs, target)
            with recording:
                output = scorer.returned(leaf)
                scores = scorer.sums(output)
            recording.check(scores, self._warned)
            read = partial(recording.read, scores)
            yield ForwardPass(output.detach(), scores.detach(), self.methods, self.settings, read)


def uses_target_layer(methods: Sequence[type[Method]]) -> bool:
    """Whether any of some methods, or of those that they are made from, needs a feature map.

    Examples
    --------
    >>> from saliency import GuidedBackprop, GuidedGradCAM
    >>> uses_target_layer([GuidedBackprop]), uses_target_layer([GuidedGradCAM])
    (False, True)
    """
    return any("features" in found.needs for found in _all_methods(methods))


def _all_methods(methods: Sequence[type[Method]]) -> list[type[Method]]:
    """Methods and their parts, parts first; a method need not be registered to be used."""
    own = {found.name: found for found in methods}
    parts = with_parts([part for found in methods for part in found.parts])
    return [*(method(name) for name in parts if name not in own), *own.values()]
