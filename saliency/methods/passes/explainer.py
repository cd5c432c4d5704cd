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
from saliency.methods.passes.target_layer import (
    TargetLayer,
    WantedLayer,
    find_sections,
    find_target_layer,
    spatial_ndim,
)
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
        Of the target layer's output, where it is known, or of each layer's; that of tokens holds for all layers.

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
        target_layer: WantedLayer | Sequence[WantedLayer] = None,
        section_names: Sequence[str] | None = None,
        mode: str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        reader: ScoreReader = ONLY_SCORES,
        layout: Layout | Sequence[Layout] | None = None,
    ) -> None:
        self.model = model = differentiable(model)
        self.reader = reader
        self.methods = _all_methods(methods)
        check_reach(model, self.methods)
        self.ndim = spatial_ndim(model, mode)
        self.sections = find_sections(model, section_names)
        given = settings or {}
        self.settings = {found.name: found.complete(given.get(found.name, {})) for found in self.methods}
        self._wanted_layers: list[WantedLayer]
        if isinstance(target_layer, str | nn.Module) or not isinstance(target_layer, Sequence):
            self._wanted_layers = [target_layer]
        else:
            self._wanted_layers = list(target_layer)
        self._layouts = list(layout) if isinstance(layout, Sequence) else [layout] * len(self._wanted_layers)
        self._found_layers: list[TargetLayer] = []
        self._warned: set[str] = set()

    @property
    def layer_names(self) -> list[str]:
        """Names of the target layers, none while they have not been searched for."""
        return [layer.name for layer in self._found_layers]

    def target_layers(self, x: Tensor) -> list[TargetLayer]:
        """Find the target layers on first use, with a few passes of noise in the shape of the batch's first sample.

        Raises
        ------
        ValueError
            If there is no such layer, or one is named twice.
        """
        if not self._found_layers:
            found = [
                self._find(wanted, layout, x) for wanted, layout in zip(self._wanted_layers, self._layouts, strict=True)
            ]
            names = [layer.name for layer in found]
            if not names or len(set(names)) < len(names):
                raise ValueError(f"target_layer names {', '.join(names) or 'no layer'}: name each layer once")
            self._found_layers = found
        return self._found_layers

    def _find(self, wanted: WantedLayer, layout: Layout | None, x: Tensor) -> TargetLayer:
        modules = dict(self.model.named_modules())
        if layout and isinstance(wanted, str) and wanted in modules:
            return TargetLayer(wanted, modules[wanted], layout)
        # How layers lie over the input is known in the network's own axes.
        example, reader = self.reader.axes.turned(x[:1]), replace(self.reader, axes=UNTURNED)
        with unchanged(self.model):
            return find_target_layer(self.model, wanted, self.sections, example, layout, reader)

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
            targets = self.target_layers(leaf) if "features" in needs else []
            scorer = Scorer(self.model, self.reader, ignore_lastlayer, region)
            recording = Recording(scorer, leaf, needs, targets)
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
