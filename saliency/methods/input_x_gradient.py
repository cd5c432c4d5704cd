"""Input times gradient: what each value of the input adds to the class score, to first order.

Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences", 2016,
https://arxiv.org/abs/1605.01713
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class InputXGradient(Method):
    """Input x Gradient: signed, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = InputXGradient(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "input_x_gradient"
    title = "Input x Gradient"
    summary = "What each value of the input adds to the score, to first order."
    formula = r"M = x \cdot \frac{\partial S_c}{\partial x}"
    when = "Networks that are nearly linear in their input, whose score it adds up to."
    when_not = "Inputs in which 0, after normalisation, means something: such values get no share."
    version = 1
    grid = "input"
    channels = True
    signed = True
    needs = frozenset({"gradient"})
    reach = "gradient"
    cost = Cost(shard_copies=4, batch_copies=300, seconds=30)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Product of what the network sees and the gradient, ``[n, c, *spatial]``."""
        return given.x * given.gradient
