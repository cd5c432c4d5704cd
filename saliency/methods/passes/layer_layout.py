"""Finding out how a layer's output is laid out."""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import prod

import torch
from torch import Tensor, nn

from saliency.methods.passes.layer_outputs import LayerOutput, changes, noise, trace
from saliency.methods.passes.layout import CHANNELS_FIRST, CHANNELS_LAST, Layout, is_scaled, token_layouts
from saliency.methods.passes.score_reader import ONLY_SCORES, ScoreReader

# Places of the input that are changed, and how many of them a layout has to explain; layouts that are tried.
PLACES, FOLLOWED, TRIED = 6, 5, 4
# How much more than elsewhere an output has to change in one place to tell anything.
CONCENTRATED = 4
FIRST_TYPES = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm)


class LayoutFinder:
    """Finds the layouts of a network's layers.

    Parameters
    ----------
    model
        The network, in the state in which it will run.
    example
        ``[n, c, *spatial]``: a batch of the kind that the network takes; only its shape counts.
    tokens
        Layout of its tokens, where that is known.
    reader
        Reads the scores off what the network returns.

    Attributes
    ----------
    traced
        What its layers return.
    """

    def __init__(
        self,
        model: nn.Module,
        example: Tensor,
        tokens: Layout | None = None,
        reader: ScoreReader = ONLY_SCORES,
    ) -> None:
        self.model, self.tokens, self.reader = model, tokens, reader
        self.traced = trace(model, example, reader)
        self._by_shape: dict[tuple[int, ...], Layout | None] = {}

    def layout(self, layer: LayerOutput) -> Layout | None:
        """How a layer's output is laid out; None where it is no feature map, or it cannot be known which one.

        Where shapes do not tell, some places of the input are changed: the output has to change most in these places.
        """
        shape, spatial = layer.shape, self.traced.spatial
        if shape[:1] != (len(self.traced.x),):
            return None
        if len(shape) == len(spatial) + 2 and isinstance(self.model.get_submodule(layer.name), FIRST_TYPES):
            return Layout(CHANNELS_FIRST)
        if shape not in self._by_shape:
            # The first one of a shape tells best: later ones have mixed places.
            first = next((output for output in self.traced.outputs if output.shape == shape), layer)
            self._by_shape[shape] = self._found(first)
        return self._by_shape[shape]

    def confirms(self, layer: LayerOutput, layout: Layout) -> bool:
        """Whether nothing speaks against a layout; what changes in the output of late layers may tell nothing.

        Some networks reorder their tokens on the way, so that two outputs of one shape differ in their layout.
        """
        if layout.axes == CHANNELS_FIRST or (
            layout.axes == CHANNELS_LAST and self._has_convolution(layout.spatial(layer.shape))
        ):
            return True
        return self._follows(layer, layout) is not False

    def unknown(self, layer: LayerOutput) -> str:
        """Why a layer has no layout, in one line."""
        size = " x ".join(map(str, self.traced.spatial))
        axes = ", ".join(("d", "h", "w")[-len(self.traced.spatial) :])
        if layer.shape[:1] != (len(self.traced.x),):
            return (
                f"layer '{layer.name}' returns {list(layer.shape)} for {len(self.traced.x)} samples: a map needs one "
                "row per sample, set target_layer to another layer"
            )
        if len(layer.shape) == 3:
            return (
                f"layer '{layer.name}' returns {layer.shape[1]} tokens, and how they lie in an input of {size} cannot "
                f"be known: set tokens: {{grid: [{axes}], prefix: tokens before the grid}}, or another target_layer"
            )
        return (
            f"layer '{layer.name}' returns {list(layer.shape)}, which is no feature map of an input of {size}: methods "
            f"on feature maps need [n, k, {axes}], [n, {axes}, k] or tokens, set another target_layer"
        )

    def _found(self, layer: LayerOutput) -> Layout | None:
        shape, spatial = layer.shape, self.traced.spatial
        if len(shape) == len(spatial) + 2:
            first, last = Layout(CHANNELS_FIRST), Layout(CHANNELS_LAST)
            fitting = [layout for layout in (first, last) if is_scaled(layout.spatial(shape), spatial)]
            if fitting == [first] or (fitting == [last] and self._has_convolution(shape[1:-1])):
                return fitting[0]
            # Volumes may be reduced more along some axes than along others.
            found = self._first_that_follows(layer, fitting or [first, last])
            # What follows nothing may be too small to tell; a convolution with the same grid does.
            return found or (first if self._has_convolution(shape[2:]) else None)
        if len(shape) != 3 or shape[1] < 2:
            return None
        if self.tokens is not None:
            return self.tokens if self.tokens.fits(shape, len(spatial)) else None
        return self._first_that_follows(layer, islice(token_layouts(shape[1], spatial, self._grids()), TRIED))

    def _has_convolution(self, grid: tuple[int, ...]) -> bool:
        modules = dict(self.model.named_modules())
        alike = [output for output in self.traced.outputs if output.shape[2:] == grid]
        return any(isinstance(modules[output.name], FIRST_TYPES) for output in alike)

    def _grids(self) -> list[tuple[int, ...]]:
        """Spatial shapes of the network's feature maps, the last ones first."""
        ndim = len(self.traced.spatial)
        grids: dict[tuple[int, ...], None] = {}
        for output in reversed(self.traced.outputs):
            if len(output.shape) == ndim + 2 and output.shape[0] == len(self.traced.x):
                convolution = isinstance(self.model.get_submodule(output.name), nn.modules.conv._ConvNd)
                for layout in (Layout(CHANNELS_FIRST), Layout(CHANNELS_LAST)):
                    grid = layout.spatial(output.shape)
                    if is_scaled(grid, self.traced.spatial) or (convolution and layout.axes == CHANNELS_FIRST):
                        grids[grid] = None
        return list(grids)

    def _first_that_follows(self, layer: LayerOutput, layouts: Iterable[Layout]) -> Layout | None:
        """The first layout that explains where the output changes; if that tells nothing, the only one to expect."""
        silent = []
        for layout in layouts:
            follows = self._follows(layer, layout)
            if follows:
                return layout
            if follows is None and is_scaled(layout.spatial(layer.shape), self.traced.spatial):
                silent.append(layout)
        return silent[0] if len({layout.spatial(layer.shape) for layout in silent}) == 1 else None

    def _follows(self, layer: LayerOutput, layout: Layout) -> bool | None:
        """Whether a layer's output changes most where the input is changed; None where it changes everywhere alike."""
        grid, spatial = layout.spatial(layer.shape), self.traced.spatial
        if prod(grid) < 2 or any(count > size for count, size in zip(grid, spatial, strict=True)):
            return False
        places = torch.randperm(prod(grid), generator=torch.Generator().manual_seed(0))[:PLACES]
        cells = [tuple(int(at) for at in torch.unravel_index(place, grid)) for place in places]
        x, other = noise(self.traced.x, 2)
        inputs = torch.stack(
            [x, *(torch.where(_box(cell, grid, spatial).to(x.device), 3 * other, x) for cell in cells)]
        )
        changed = layout.as_map(changes(self.model, layer, inputs)).float().square().sum(1)
        told = [one.max() > CONCENTRATED * one.median() for one in changed]
        if sum(told) < min(FOLLOWED, len(told)):
            return None
        near = 1 if min(grid) > 3 else 0
        hits = [_distance(one, cell) <= near for one, cell in zip(changed, cells, strict=True)]
        return sum(hits) >= min(FOLLOWED, len(hits))


def _box(cell: Sequence[int], grid: Sequence[int], spatial: Sequence[int]) -> Tensor:
    """``(*spatial)``, bool: the part of the input at a position of a grid."""
    inside = torch.zeros(tuple(spatial), dtype=torch.bool)
    ends = zip(cell, spatial, grid, strict=True)
    inside[tuple(slice(at * size // count, -(-(at + 1) * size // count)) for at, size, count in ends)] = True
    return inside


def _distance(difference: Tensor, cell: Sequence[int]) -> int:
    """Positions between a cell and the one that changes most, along the axis where they are furthest apart."""
    most = torch.unravel_index(difference.argmax(), difference.shape)
    return max(abs(int(a) - b) for a, b in zip(most, cell, strict=True))
