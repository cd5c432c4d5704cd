"""Deconvolution: the score projected back, rectified at each ReLU whatever that has let through.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, https://arxiv.org/abs/1311.2901
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class Deconvolution(Method):
    """Deconvolution: signed, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = Deconvolution(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "deconvolution"
    title = "Deconvolution"
    summary = "The score projected back to the input through positive paths, whatever was active."
    formula = r"\frac{\partial S}{\partial x} = \max\left(0, \frac{\partial S}{\partial y}\right), \quad y = \max(0, x)"
    when = "Comparing with older work."
    when_not = "Explaining decisions: it hardly depends on the class, nor on what the network saw."
    version = 1
    grid = "input"
    channels = True
    signed = True
    needs = frozenset({"deconvolution"})
    cost = Cost(shard_copies=4, batch_copies=300, seconds=30)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Deconvolution of the score, ``[n, c, *spatial]``."""
        return given.deconvolution
