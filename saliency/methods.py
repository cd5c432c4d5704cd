"""The three methods by name."""

from collections.abc import Sequence

from torch import nn

from saliency.explainer import Explainer
from saliency.gradcam import GradCAM
from saliency.guided_backprop import GuidedBackprop
from saliency.guided_gradcam import GuidedGradCAM


def saliency(
    model: nn.Module,
    method: str = "GradCAM",
    target_layer: int | str | nn.Module | None = None,
    section_names: Sequence[str] | None = None,
    mode: str | None = None,
) -> Explainer:
    """Build a method by its name.

    Parameters
    ----------
    model
        A network with convolutions.
    method
        "GradCAM", "GuidedBackprop" or "GuidedGradCAM".
    target_layer
        For the two Grad-CAM methods, see `GradCAM`.
    section_names, mode
        See `GradCAM`.

    Raises
    ------
    ValueError
        For an unknown method, or a target layer for guided backpropagation.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork, saliency
    >>> output, cam = saliency(NeuralNetwork([1, 50, 50]), method="GradCAM", mode="2D")(torch.rand(4, 1, 50, 50))
    """
    match method:
        case "GradCAM":
            return GradCAM(model, target_layer, section_names, mode)
        case "GuidedGradCAM":
            return GuidedGradCAM(model, target_layer, section_names, mode)
        case "GuidedBackprop":
            if target_layer is not None:
                raise ValueError("target_layer: guided backpropagation has none, leave it out")
            return GuidedBackprop(model, section_names, mode)
    raise ValueError(f"method is {method!r}: pass 'GradCAM', 'GuidedBackprop' or 'GuidedGradCAM'")
