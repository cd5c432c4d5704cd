"""SmoothGrad squared: the mean squared gradient of noisy copies of the input.

Hooker et al., "A Benchmark for Interpretability Methods in Deep Neural Networks", 2018,
https://arxiv.org/abs/1806.10758
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.noisy_gradients import NoisyGradientMethod, noisy_gradients

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class SmoothGradSquared(NoisyGradientMethod):
    """SmoothGrad Squared: not negative, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = SmoothGradSquared(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "smoothgrad_squared"
    title = "SmoothGrad Squared"
    summary = "The mean squared gradient of copies of the input with noise."
    formula = r"M = \frac{1}{n} \sum_{i=1}^{n} \left(\frac{\partial S_c}{\partial x}(x + \epsilon_i)\right)^2"
    when = "Ranking pixels by importance, at which it does better than the mean."
    when_not = "Signs: what speaks for the class and against it look the same."
    version = 1
    signed = False

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Mean of squared noisy gradients, ``[n, c, *spatial]``."""
        return noisy_gradients(given, settings).mean_square
