"""Building a method by the name of its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Method
from saliency.methods.registered import methods

if TYPE_CHECKING:
    from torch import nn


def saliency(
    model: nn.Module,
    method: str = "GradCAM",
    target_layer: int | str | nn.Module | None = None,
    section_names: Sequence[str] | None = None,
    mode: str | None = None,
    tokens: Mapping[str, Any] | None = None,
    output: int | str | None = None,
    outputs: str = "logits",
    **settings: Any,
) -> Method:
    """Build a method by its name.

    Parameters
    ----------
    model
        A network.
    method
        "GradCAM", "GuidedBackprop" or "GuidedGradCAM".
    target_layer, tokens
        For methods that use a target layer, see `saliency.methods.method.Method`.
    section_names, mode, output, outputs, settings
        See there.

    Raises
    ------
    ValueError
        For an unknown method, or a target layer for a method that has none.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork, saliency
    >>> output, cam = saliency(NeuralNetwork([1, 50, 50]), method="GradCAM", mode="2D")(torch.rand(4, 1, 50, 50))
    """
    from saliency.methods.passes.explainer import uses_target_layer

    known = {found.__name__: found for found in methods().values()}
    if method not in known:
        raise ValueError(f"method is {method!r}: pass one of {', '.join(map(repr, known))}")
    kind = known[method]
    if uses_target_layer([kind]):
        return kind(model, target_layer, section_names, mode, tokens, output, outputs, **settings)
    if target_layer is not None:
        raise ValueError(f"target_layer: {kind.title} has none, leave it out")
    return kind(model, section_names=section_names, mode=mode, output=output, outputs=outputs, **settings)
