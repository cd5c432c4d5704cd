"""Occlusion: how far the score falls where a window is covered.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, https://arxiv.org/abs/1311.2901
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.registry.fits import number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class Occlusion(Method):
    """Occlusion maps: signed, one value per pixel or voxel; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = Occlusion(NeuralNetwork([1, 50, 50]))(torch.rand(2, 1, 50, 50), [0, 0])
    >>> tuple(found.shape)
    (2, 1, 50, 50)
    """

    name = "occlusion"
    title = "Occlusion"
    summary = "How far the score of the class falls where a window is covered; of any network."
    formula = r"M_i = \frac{1}{|\{w \ni i\}|} \sum_{w \ni i} \left(S_c(x) - S_c(x_{w \to 0})\right)"
    when = "A check of other maps that asks the network itself, in terms that anyone understands."
    when_not = "Evidence that is there twice: without one of both, the score does not fall."
    version = 1
    grid = "input"
    channels = False
    signed = True
    reach = "scores"
    keys = (
        Key("window", "Side of the window, as a share of each side of the input.", 0.2, number(above=0, maximum=1)),
        Key("stride", "Step of the window, as a share of each side of the input.", 0.1, number(above=0, maximum=1)),
    )
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """One for each place of the window."""
        return 2 + int(math.ceil((1 - settings["window"]) / settings["stride"]) + 1) ** ndim

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Mean fall of the score over the windows that cover each position, ``[n, *spatial]``."""
        import torch

        x, score = given.x, given.score(given.x)
        found, count = torch.zeros_like(x[:, 0]), torch.zeros_like(x[0, 0])
        along = [_windows(size, settings["window"], settings["stride"]) for size in x.shape[2:]]
        for window in product(*along):
            covered = x.clone()
            covered[(slice(None), slice(None), *window)] = 0
            fall = (score - given.score(covered)).to(found)
            found[(slice(None), *window)] += fall.reshape(-1, *[1] * len(window))
            count[window] += 1
        return found / count


def _windows(size: int, window: float, stride: float) -> list[slice]:
    """Places of the window along an axis; the last one ends at the edge or goes beyond."""
    width, step = max(1, round(window * size)), max(1, round(stride * size))
    return [slice(place * step, place * step + width) for place in range(math.ceil((size - width) / step) + 1)]
