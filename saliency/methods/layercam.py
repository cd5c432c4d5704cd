"""LayerCAM: each position of the feature maps counts by its own positive gradient.

Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE Transactions on Image
Processing 30, 2021, https://doi.org/10.1109/TIP.2021.3089943
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class LayerCAM(Method):
    """LayerCAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, cam = LayerCAM(NeuralNetwork([1, 50, 50]), target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    name = "layercam"
    title = "LayerCAM"
    summary = "Features weighed at each position by the positive part of its own gradient."
    formula = r"M_i = \max\left(0, \sum_k \max\left(0, \frac{\partial S_c}{\partial A_{k,i}}\right) A_{k,i}\right)"
    when = "Early layers, whose larger grids give finer maps."
    when_not = "Where evidence against the class matters: negative gradients are left out."
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """LayerCAM, ``[n, *feature_spatial]``."""
        return (given.feature_gradient.relu() * given.features).sum(dim=1).relu()
