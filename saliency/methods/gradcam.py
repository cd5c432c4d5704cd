"""Grad-CAM: where in the feature map the class score comes from.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2016,
https://arxiv.org/abs/1610.02391
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


def class_activation_map(features: Tensor, gradient: Tensor) -> Tensor:
    r"""Weigh the feature maps by their mean gradient.

    .. math:: w_k = \frac{1}{Z} \sum_i \frac{\partial S_c}{\partial A_{k,i}}, \qquad
              M_i = \max\left(0, \sum_k w_k A_{k,i}\right)

    Parameters
    ----------
    features
        ``[n, k, *feature_spatial]``: the target layer's output A.
    gradient
        Of the same shape: the derivative of the class score with respect to `features`.

    Returns
    -------
    Tensor
        ``[n, *feature_spatial]``, not negative, at the layer's own resolution.

    Examples
    --------
    >>> import torch
    >>> features = torch.tensor([[[[1.0, 2.0]], [[3.0, 1.0]]]])
    >>> class_activation_map(features, torch.tensor([[[[2.0, 0.0]], [[-1.0, -1.0]]]]))
    tensor([[[0., 1.]]])
    """
    weights = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
    return (weights * features).sum(dim=1).relu()


class GradCAM(Method):
    """Gradient-weighted class activation maps; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, cam = GradCAM(NeuralNetwork([1, 50, 50]), target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    name = "gradcam"
    title = "Grad-CAM"
    summary = "Where in the target layer's feature map the score of the class comes from."
    formula = (
        r"w_k = \frac{1}{Z} \sum_i \frac{\partial S_c}{\partial A_{k,i}}, \quad "
        r"M_i = \max\left(0, \sum_k w_k A_{k,i}\right)"
    )
    when = "The first map to look at, of nearly any network, at the price of a forward pass."
    when_not = "Fine detail, or several small objects: the map has the resolution of the target layer."
    version = 1
    by_default = True
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Grad-CAM, ``[n, *feature_spatial]``."""
        return class_activation_map(given.features, given.feature_gradient)
