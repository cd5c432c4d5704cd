"""Guided Grad-CAM: the fine detail of guided backpropagation where Grad-CAM says that the class is.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2016,
https://arxiv.org/abs/1610.02391, section 3.2
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from saliency.explainer import Explainer, MapReader
from saliency.gradcam import GradCAM, enlarge
from saliency.guided_backprop import guided_relu


def guided_product(guided_backprop: Tensor, gradcam: Tensor) -> Tensor:
    """Multiply guided backpropagation with the enlarged Grad-CAM.

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
    return guided_backprop * enlarge(gradcam, guided_backprop.shape[2:])


class GuidedGradCAM(GradCAM):
    """Guided Grad-CAM maps: signed, of the shape of the input; parameters as in `GradCAM`.

    Grad-CAM, guided backpropagation and their product come from one forward pass: first the plain gradient down to the
    target layer, then the guided one down to the input. ``forward_pass`` gives all three.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, maps = GuidedGradCAM(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(maps.shape)
    (4, 1, 50, 50)
    """

    map_name = "guided_gradcam"

    @contextmanager
    def _recording(self, x: Tensor) -> Iterator[MapReader]:
        recorder = self.feature_map(x, detached=False)
        with guided_relu(self, x) as relu, recorder as features:

            def read(score: Tensor, keep_graph: bool) -> dict[str, Tensor]:
                gradcam = features.class_activation_map(score, keep_graph=True)
                guided_backprop = relu.gradient(score, x, keep_graph)
                return {
                    "gradcam": gradcam,
                    "guided_backprop": guided_backprop,
                    "guided_gradcam": guided_product(guided_backprop, gradcam),
                }

            yield read

    def _finish(self, maps: dict[str, Tensor], spatial: Sequence[int]) -> Tensor:
        return Explainer._finish(self, maps, spatial)
