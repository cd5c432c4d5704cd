"""The gradient: how the class score changes with each value of the input.

Simonyan et al., "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps", 2013,
https://arxiv.org/abs/1312.6034
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class Gradient(Method):
    """Gradient: signed, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = Gradient(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "gradient"
    title = "Gradient"
    summary = "How the score of the class changes with each value of the input."
    formula = r"M = \frac{\partial S_c}{\partial x}"
    when = "A baseline that other methods have to beat; it follows the network exactly, for small changes."
    when_not = "Judging what matters as a whole: it is noisy, and small where the network is sure."
    version = 1
    grid = "input"
    channels = True
    signed = True
    needs = frozenset({"gradient"})
    reach = "gradient"
    cost = Cost(shard_copies=4, batch_copies=300, seconds=30)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Gradient of the score, ``[n, c, *spatial]``."""
        return given.gradient
