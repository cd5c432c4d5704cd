"""HiResCAM: what each position of the feature maps adds to the class score.

Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks", 2020,
https://arxiv.org/abs/2011.08891
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class HiResCAM(Method):
    """HiResCAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, cam = HiResCAM(NeuralNetwork([1, 50, 50]), target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    name = "hirescam"
    title = "HiResCAM"
    summary = "Features weighed at each position by its own gradient: what the position adds to the score."
    formula = r"M_i = \max\left(0, \sum_k \frac{\partial S_c}{\partial A_{k,i}} A_{k,i}\right)"
    when = (
        "Networks that flatten their features, where it shows what the score was computed from and Grad-CAM does not."
    )
    when_not = (
        "Behind global average pooling, where it equals Grad-CAM up to a factor; negative values are cut off here too."
    )
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """HiResCAM, ``[n, *feature_spatial]``."""
        return (given.feature_gradient * given.features).sum(dim=1).relu()
