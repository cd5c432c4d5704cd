"""XGrad-CAM: Grad-CAM with weights that come closest to explaining the whole score.

Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", 2020,
https://arxiv.org/abs/2008.02312
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class XGradCAM(Method):
    """XGrad-CAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> _ = torch.manual_seed(1)
    >>> output, cam = XGradCAM(NeuralNetwork([1, 50, 50]), target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    name = "xgradcam"
    title = "XGrad-CAM"
    summary = "As Grad-CAM, but each channel's gradient is averaged where the channel is active."
    formula = (
        r"w_k = \sum_i \frac{A_{k,i}}{\sum_j A_{k,j}} \frac{\partial S_c}{\partial A_{k,i}}, \quad "
        r"M_i = \max\left(0, \sum_k w_k A_{k,i}\right)"
    )
    when = "Networks that end in ReLU, whose weights then add up to the score's linear part."
    when_not = (
        "Layers whose values are also negative: a channel may sum up to almost nothing, which its weight is divided by."
    )
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """XGrad-CAM, ``[n, *feature_spatial]``; a channel that sums up to nothing has no weight."""
        features, gradient = given.features, given.feature_gradient
        axes = tuple(range(2, features.ndim))
        total = features.sum(dim=axes, keepdim=True)
        explained = (gradient * features).sum(dim=axes, keepdim=True)
        weights = (explained / total).where(total != 0, 0)
        return (weights * features).sum(dim=1).relu()
