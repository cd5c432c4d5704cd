"""Grad-CAM++: several objects of a class count alike, however large each is.

Chattopadhyay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", 2017,
https://arxiv.org/abs/1710.11063
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class GradCAMPlusPlus(Method):
    """Grad-CAM++ maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> network = NeuralNetwork([1, 50, 50])
    >>> output, cam = GradCAMPlusPlus(network, target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    name = "gradcam_plus_plus"
    title = "Grad-CAM++"
    summary = "As Grad-CAM, but of positive gradients alone, weighed so that small objects count like large ones."
    formula = (
        r"w_k = \sum_i \frac{g_{k,i}^2}{2 g_{k,i}^2 + g_{k,i}^3 \sum_j A_{k,j}} \max(0, g_{k,i}), \quad "
        r"g = \frac{\partial S_c}{\partial A}, \quad M_i = \max\left(0, \sum_k w_k A_{k,i}\right)"
    )
    when = "Pictures with several objects of the class."
    when_not = "Telling classes apart: maps of different classes are alike, since positive gradients alone count."
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Grad-CAM++, ``[n, *feature_spatial]``, of the score's exponential, as the paper has it."""
        features, gradient = given.features, given.feature_gradient.relu()
        axes = tuple(range(2, features.ndim))
        # The paper's fraction without its common factor: squares and cubes of small gradients would vanish.
        weights = (gradient / (2 + gradient * features.sum(dim=axes, keepdim=True))).sum(dim=axes, keepdim=True)
        return (weights * features).sum(dim=1).relu()
