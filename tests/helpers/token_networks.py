"""Small transformers, and networks with odd layouts: what their layers return is known by their construction."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Attention and a perceptron, each behind a normalisation, beside a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class TokenNetwork(nn.Module):
    """A vision transformer of a few blocks.

    Parameters
    ----------
    shape
        Of its input, ``(c, *spatial)``.
    patch
        Size of a patch along each axis.
    prefix
        Tokens before those of the grid; the first one is the class token.
    pooled
        Whether the scores come from the mean of the grid's tokens, not from the class token.
    as_tuple
        Whether the blocks return a tuple, as those of transformers do.
    """

    def __init__(
        self, shape: Sequence[int], patch: Sequence[int], prefix: int = 1, pooled: bool = False, as_tuple: bool = False
    ) -> None:
        super().__init__()
        convolution = (nn.Conv2d, nn.Conv3d)[len(patch) - 2]
        self.patch = convolution(shape[0], 24, tuple(patch), tuple(patch))
        self.grid = tuple(size // step for size, step in zip(shape[1:], patch, strict=True))
        self.prefix = nn.Parameter(torch.randn(1, prefix, 24))
        self.position = nn.Parameter(torch.randn(1, prefix + torch.Size(self.grid).numel(), 24) * 0.1)
        self.blocks = nn.ModuleList(TupleBlock(24) if as_tuple else Block(24) for _ in range(3))
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 4)
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), tokens], 1) + self.position
        for block in self.blocks:
            tokens = block(tokens)
            tokens = tokens[0] if isinstance(tokens, tuple) else tokens
        tokens = self.norm(tokens)
        return self.head(tokens[:, self.prefix.shape[1] :].mean(1) if self.pooled else tokens[:, 0])


class TupleBlock(Block):
    def forward(self, x: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return super().forward(x), None


class Reordered(TokenNetwork):
    """Its tokens lie in windows of two by two positions, one window after the other."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x)
        for axis in (2, 4):
            tokens = tokens.unflatten(axis, (-1, 2))
        tokens = tokens.permute(0, 2, 4, 3, 5, 1).flatten(1, 4)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens).mean(1))


def convolutions(*channels: int) -> nn.Sequential:
    """Pairs of a convolution and a ReLU, with pooling between them."""
    layers: list[nn.Module] = []
    for given, returned in pairwise(channels):
        layers += [*([nn.MaxPool2d(2)] if layers else []), nn.Conv2d(given, returned, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


class ChannelsLast(nn.Module):
    """Convolutions, and layers behind them that work on ``[n, h, w, k]``."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.lift, self.act = convolutions(3, 8, 16), nn.Linear(16, 24), nn.ReLU()
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.lift(self.body(x).permute(0, 2, 3, 1)))
        return self.head(self.norm(x).mean((1, 2)))


class Branch(nn.Module):
    """Two branches beside each other, as in inception networks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU())
        self.narrow = nn.Sequential(nn.Conv2d(channels, 8, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.wide(x), self.narrow(x)], 1)


class Branching(nn.Module):
    """The last block has branches; ``named`` says whether they are joined by a module or in the forward."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.body, self.branches, self.head = convolutions(3, 8, 16), Branch(16), nn.Linear(16, 4)
        self.named = named

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        branches = self.branches
        x = branches(x) if self.named else torch.cat([branches.wide(x), branches.narrow(x)], 1)
        return self.head(x.mean((2, 3)))
