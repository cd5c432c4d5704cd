"""RISE: the mean of random masks, each weighed by the score of the input that is seen through it.

Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,
https://arxiv.org/abs/1806.07421
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.methods.upsampling import upsample
from saliency.registry.fits import integer, number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class RISE(Method):
    """RISE maps: signed, one value per pixel or voxel; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = RISE(NeuralNetwork([1, 50, 50]), masks=20)(torch.rand(2, 1, 50, 50), [0, 0])
    >>> tuple(found.shape)
    (2, 1, 50, 50)
    """

    name = "rise"
    title = "RISE"
    summary = "The mean of random masks, weighed by the score of what is seen through them; of any network."
    formula = r"M_i = \frac{1}{N p} \sum_{j=1}^{N} \left(S_c(x \cdot m_j) - \bar{S}\right) m_{j,i}"
    when = "Networks of which nothing but the scores is known."
    when_not = "Small objects or few masks: maps are coarse, and noisy until thousands of masks are drawn."
    version = 1
    grid = "input"
    channels = False
    signed = True
    reach = "scores"
    keys = (
        Key("masks", "How many; the paper has 4000 and more.", 1000, integer(2)),
        Key("cells", "Of a mask, along each axis.", 7, integer(2)),
        Key("visible", "Share of cells that are visible.", 0.5, number(above=0, below=1)),
        Key("seed", "Of the masks, which are the same for all samples.", 0, integer(0)),
    )
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """One for each mask."""
        return 1 + int(settings["masks"])

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """RISE, ``[n, *spatial]``, less what the mean score gives to all positions alike."""
        import torch

        masks = _masks(tuple(given.x.shape[2:]), settings)
        # The mean is known at the end: sums with and without the score are kept.
        weighed = torch.zeros_like(given.x[:, 0])
        seen, total = torch.zeros_like(given.x[0, 0]), given.x.new_zeros(len(given.x))
        for drawn in masks:
            mask = drawn.to(given.x)
            score = given.score(given.x * mask).to(given.x)
            weighed += score.reshape(-1, *[1] * mask.ndim) * mask
            seen, total = seen + mask, total + score
        mean = (total / settings["masks"]).reshape(-1, *[1] * seen.ndim)
        return (weighed - mean * seen) / (settings["masks"] * settings["visible"])


def _masks(spatial: tuple[int, ...], settings: Mapping[str, Any]) -> Iterator[Tensor]:
    """Random grids, upsampled and moved by less than a cell, each ``[*spatial]`` from 0 to 1."""
    import torch

    generator = torch.Generator().manual_seed(settings["seed"])
    cells = [math.ceil(size / settings["cells"]) for size in spatial]
    grid = [settings["cells"] + 1] * len(spatial)
    for _ in range(settings["masks"]):
        visible = (torch.rand(grid, generator=generator) < settings["visible"]).float()
        large = upsample(visible[None], [count * cell for count, cell in zip(grid, cells, strict=True)])[0, 0]
        begins = [int(torch.randint(cell, (), generator=generator)) for cell in cells]
        yield large[tuple(slice(at, at + size) for at, size in zip(begins, spatial, strict=True))]
