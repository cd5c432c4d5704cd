"""Guided Backpropagation: which pixels excite the class score through positive paths only.

Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014, https://arxiv.org/abs/1412.6806
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor, nn

    from saliency.methods.passes.forward_pass import Given


class GuidedBackprop(Method):
    """Guided Backpropagation maps: signed, of the shape of the input.

    ReLU, ReLU6 and LeakyReLU are guided, in whatever form they are called, ``clamp(min=0)``, ``maximum(x, 0)`` and
    ``x * (x > 0)`` among them. Other activations, and custom functions that may be one, pass the plain gradient, about
    which there is one warning.

    Parameters
    ----------
    model
        A network with convolutions; any architecture, but not TorchScript, whose calls cannot be intercepted.
    section_names
        Accepted for uniformity; guided backpropagation does not need them.
    mode
        "2D", "3D", or None to read it off the model.
    output, outputs
        As in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, gbp = GuidedBackprop(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(gbp.shape)
    (4, 1, 50, 50)
    """

    name = "guided_backprop"
    title = "Guided Backprop"
    summary = "Which pixels excite the score of the class through positive paths only."
    formula = (
        r"\frac{\partial S}{\partial x} = \phi'(x) \max\left(0, \frac{\partial S}{\partial y}\right), \quad y = \phi(x)"
    )
    when = "Sharp pictures of edges and textures that excite the network."
    when_not = "Telling classes or networks apart: it hardly changes with the class, nor with random weights."
    version = 2
    by_default = True
    grid = "input"
    channels = True
    signed = True
    needs = frozenset({"guided_gradient"})
    cost = Cost(shard_copies=6, batch_copies=300, seconds=30)

    def __init__(
        self,
        model: nn.Module,
        section_names: Sequence[str] | None = None,
        mode: str | None = None,
        output: int | str | None = None,
        outputs: str = "logits",
    ) -> None:
        super().__init__(model, None, section_names, mode, None, output, outputs)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Guided gradient of the score, ``[n, c, *spatial]``."""
        return given.guided_gradient
