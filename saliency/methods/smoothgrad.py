"""SmoothGrad: the mean gradient of noisy copies of the input.

Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, https://arxiv.org/abs/1706.03825
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.noisy_gradients import NoisyGradientMethod, noisy_gradients

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class SmoothGrad(NoisyGradientMethod):
    """SmoothGrad: signed, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = SmoothGrad(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "smoothgrad"
    title = "SmoothGrad"
    summary = "The mean gradient of copies of the input with noise."
    formula = (
        r"M = \frac{1}{n} \sum_{i=1}^{n} \frac{\partial S_c}{\partial x}(x + \epsilon_i), \quad "
        r"\epsilon_i \sim N(0, \sigma^2)"
    )
    when = "A gradient that can be looked at."
    when_not = "Where the price matters: each noisy copy costs a pass forward and one back."
    version = 1
    signed = True

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Mean of noisy gradients, ``[n, c, *spatial]``."""
        return noisy_gradients(given, settings).mean
