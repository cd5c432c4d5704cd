"""How a layer's output is laid out, and how it becomes a feature map ``[n, k, *feature_spatial]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

# Those that read descriptions do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor

CHANNELS_FIRST, CHANNELS_LAST, TOKENS = "channels first", "channels last", "tokens"
# Class, distillation and register tokens before those of the grid, at most.
MOST_PREFIX = 8


@dataclass(frozen=True)
class Layout:
    """The axes of a layer's output.

    Attributes
    ----------
    axes
        "channels first" ``[n, k, *grid]``, "channels last" ``[n, *grid, k]``, or "tokens"
        ``[n, prefix + positions, k]`` with the positions of the grid row by row.
    grid
        Of tokens: number of positions along each spatial axis.
    prefix
        Of tokens: number of those before the grid, which belong to no position.

    Examples
    --------
    >>> import torch
    >>> Layout(TOKENS, (2, 3), prefix=1).as_map(torch.arange(7.0).reshape(1, 7, 1)).tolist()
    [[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]
    >>> tuple(Layout(CHANNELS_LAST).as_map(torch.zeros(4, 7, 9, 96)).shape)
    (4, 96, 7, 9)
    """

    axes: str = CHANNELS_FIRST
    grid: tuple[int, ...] = ()
    prefix: int = 0

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Layout:
        """Read what `content` wrote."""
        return cls(content["axes"], tuple(content["grid"]), content["prefix"])

    def content(self) -> dict[str, Any]:
        """As a mapping of what JSON knows."""
        return asdict(self) | {"grid": list(self.grid)}

    def fits(self, shape: Sequence[int], ndim: int) -> bool:
        """Whether an output of this shape can be laid out like that, with `ndim` spatial axes."""
        if self.axes == TOKENS:
            return len(shape) == 3 and shape[1] == self.prefix + prod(self.grid)
        return len(shape) == ndim + 2

    def spatial(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the feature map that an output of this shape becomes."""
        return {CHANNELS_FIRST: tuple(shape[2:]), CHANNELS_LAST: tuple(shape[1:-1]), TOKENS: self.grid}[self.axes]

    def as_map(self, output: Tensor) -> Tensor:
        """``[n, k, *feature_spatial]``; a view where the axes allow it."""
        if self.axes == CHANNELS_FIRST:
            return output
        if self.axes == TOKENS:
            output = output[:, self.prefix :].unflatten(1, self.grid)
        return output.movedim(-1, 1)


def given_tokens(tokens: Mapping[str, Any] | None) -> Layout | None:
    """Layout of tokens as a user states it; ``prefix`` is 0 where it is left out.

    Examples
    --------
    >>> given_tokens({"grid": [14, 14], "prefix": 1})
    Layout(axes='tokens', grid=(14, 14), prefix=1)
    """
    return None if tokens is None else Layout(TOKENS, tuple(tokens["grid"]), tokens.get("prefix", 0))


def is_scaled(grid: Sequence[int], spatial: Sequence[int]) -> bool:
    """Whether a grid is the input's shape over one number, up to rounding and a position at the edge.

    Examples
    --------
    >>> is_scaled((7, 7), (224, 224)), is_scaled((3, 4), (50, 60)), is_scaled((7, 768), (224, 224))
    (True, True, False)
    """
    low = max(size / (cells + 1) for cells, size in zip(grid, spatial, strict=True))
    high = min(size / max(cells - 1, 0.5) for cells, size in zip(grid, spatial, strict=True))
    return low <= high


def token_layouts(
    tokens: int, spatial: Sequence[int], seen: Iterable[tuple[int, ...]], most_prefix: int = MOST_PREFIX
) -> Iterator[Layout]:
    """Layouts that a number of tokens may have, the most likely first.

    A grid is that of a feature map of the same network, or half, a quarter … of it along some axes, or the input's
    shape over the size of a patch.

    Parameters
    ----------
    tokens
        All of them.
    spatial
        Of the input.
    seen
        Spatial shapes of the network's feature maps.
    most_prefix
        Tokens before those of the grid, at most.

    Examples
    --------
    >>> next(token_layouts(197, (224, 224), []))
    Layout(axes='tokens', grid=(14, 14), prefix=1)
    >>> next(token_layouts(52, (230, 230), [(58, 58), (29, 29), (15, 15), (8, 8), (7, 7)]))
    Layout(axes='tokens', grid=(7, 7), prefix=3)
    """
    shapes = [tuple(shape) for shape in seen]
    patches = [
        tuple(size // patch for size in spatial)
        for patch in range(1, min(spatial) + 1)
        if not any(size % patch for size in spatial)
    ]
    halves = [
        tuple(grid)
        for shape in shapes
        for grid in product(*([-(-size // 2**k) for k in range(7) if size >= 2**k] for size in shape))
    ]
    found: dict[Layout, None] = {}
    for grids in (shapes, patches, sorted(halves, key=lambda grid: not is_scaled(grid, spatial))):
        for grid in grids:
            prefix = tokens - prod(grid)
            if 0 <= prefix <= most_prefix and prod(grid) > 1:
                found.setdefault(Layout(TOKENS, grid, prefix))
    # Few tokens before the grid are likelier than many.
    yield from sorted(found, key=lambda layout: layout.prefix > 2)
