"""Guided Grad-CAM: the fine detail of guided backpropagation where Grad-CAM says that the class is.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2016,
https://arxiv.org/abs/1610.02391, section 3.2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.methods.upsampling import upsample

if TYPE_CHECKING:
    from torch import Tensor


def guided_product(guided_backprop: Tensor, gradcam: Tensor) -> Tensor:
    """Multiply guided backpropagation with the upsampled Grad-CAM.

    Parameters
    ----------
    guided_backprop
        ``[n, c, *spatial]``.
    gradcam
        ``[n, *feature_spatial]``, at the target layer's resolution.

    Returns
    -------
    Tensor
        ``[n, c, *spatial]``, signed.

    Examples
    --------
    >>> import torch
    >>> guided_product(torch.tensor([[[[1.0, -2.0]]]]), torch.tensor([[[3.0]]]))
    tensor([[[[ 3., -6.]]]])
    """
    return guided_backprop * upsample(gradcam, guided_backprop.shape[2:])


class GuidedGradCAM(Method):
    """Guided Grad-CAM maps: signed, of the shape of the input; parameters as in `Method`.

    Grad-CAM, guided backpropagation and their product come from one forward pass: first the plain gradient down to the
    target layer, then the guided one down to the input. ``forward_pass`` gives all three.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> method = GuidedGradCAM(NeuralNetwork([1, 50, 50]))
    >>> output, maps = method(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(maps.shape)
    (4, 1, 50, 50)
    >>> with method.forward_pass(torch.rand(4, 1, 50, 50)) as forward:
    ...     maps = forward.maps(torch.zeros(4, dtype=torch.long))
    >>> {name: tuple(values.shape) for name, values in maps.items()}
    {'guided_backprop': (4, 1, 50, 50), 'gradcam': (4, 5, 5), 'guided_gradcam': (4, 1, 50, 50)}
    """

    name = "guided_gradcam"
    title = "Guided Grad-CAM"
    summary = "The product of the two, which it brings along: fine detail where the class is."
    formula = r"M = G \cdot \mathrm{upsample}(C), \quad G: \text{guided backpropagation}, \; C: \text{Grad-CAM}"
    when = "Seeing which detail lies where the class is."
    when_not = "Measuring detail: what guided backpropagation lacks, it lacks as well."
    version = 1
    by_default = True
    grid = "input"
    channels = True
    signed = True
    parts = ("guided_backprop", "gradcam")
    cost = Cost(shard_copies=6, batch_copies=0, seconds=1)

    @classmethod
    def combine(cls, maps: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Tensor:
        """Product of guided backpropagation and the upsampled Grad-CAM, ``[n, c, *spatial]``."""
        fine, coarse = cls.parts
        return guided_product(maps[fine], maps[coarse])
