"""VarGrad: the variance of the gradients of noisy copies of the input.

Adebayo et al., "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values", 2018,
https://arxiv.org/abs/1810.03307
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.noisy_gradients import NoisyGradientMethod, noisy_gradients

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class VarGrad(NoisyGradientMethod):
    """VarGrad: not negative, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = VarGrad(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "vargrad"
    title = "VarGrad"
    summary = "The variance of the gradient over copies of the input with noise."
    formula = (
        r"M = \frac{1}{n} \sum_{i=1}^{n} g_i^2 - \left(\frac{1}{n} \sum_{i=1}^{n} g_i\right)^2, \quad "
        r"g_i = \frac{\partial S_c}{\partial x}(x + \epsilon_i)"
    )
    when = "Ranking pixels by importance, without what the gradient has everywhere."
    when_not = "Signs, and networks that are nearly linear, of which it is 0."
    version = 1
    signed = False

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Variance of noisy gradients, ``[n, c, *spatial]``."""
        return noisy_gradients(given, settings).variance
