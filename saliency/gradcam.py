"""Grad-CAM: where in the feature map the class score comes from.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2016,
https://arxiv.org/abs/1610.02391
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.nn import functional

from saliency.explainer import Explainer, MapReader, unchanged
from saliency.layers import find_target_layer


def class_activation_map(features: Tensor, gradient: Tensor) -> Tensor:
    r"""Weigh the feature maps by their mean gradient.

    .. math:: w_k = \frac{1}{Z} \sum_i \frac{\partial S_c}{\partial A_{k,i}}, \qquad
              M_i = \max\left(0, \sum_k w_k A_{k,i}\right)

    Parameters
    ----------
    features
        ``[n, k, *feature_spatial]``: the target layer's output A.
    gradient
        Of the same shape: the derivative of the class score with respect to `features`.

    Returns
    -------
    Tensor
        ``[n, *feature_spatial]``, not negative, at the layer's own resolution.

    Examples
    --------
    >>> features = torch.tensor([[[[1.0, 2.0]], [[3.0, 1.0]]]])
    >>> class_activation_map(features, torch.tensor([[[[2.0, 0.0]], [[-1.0, -1.0]]]]))
    tensor([[[0., 1.]]])
    """
    # Half precision, which networks compute in under autocast, has too few digits to sum up in.
    dtype = torch.promote_types(features.dtype, torch.float32)
    features, gradient = features.to(dtype), gradient.to(dtype)
    weights = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
    return functional.relu((weights * features).sum(dim=1))


def enlarge(cam: Tensor, size: Sequence[int]) -> Tensor:
    """Bring maps to the input's size, bilinear or trilinear with ``align_corners=False``.

    Parameters
    ----------
    cam
        ``[n, *feature_spatial]``.
    size
        The spatial size of the input.

    Returns
    -------
    Tensor
        ``[n, 1, *size]``.

    Examples
    --------
    >>> enlarge(torch.tensor([[[0.0, 4.0]]]), (1, 4))
    tensor([[[[0., 1., 3., 4.]]]])
    """
    mode = {2: "bilinear", 3: "trilinear"}[len(size)]
    return functional.interpolate(cam.unsqueeze(1), tuple(size), mode=mode, align_corners=False)


class FeatureMap:
    """Context manager that keeps the last output of a layer.

    Parameters
    ----------
    name, layer
        The target layer; if it runs several times, its last run counts.
    ndim
        Number of spatial axes that its output must have.
    detached
        Cut the graph at the layer, so that everything below it runs without one: Grad-CAM alone needs no gradient
        there, and costs little more than inference.
    """

    def __init__(self, name: str, layer: nn.Module, ndim: int, detached: bool) -> None:
        self.name, self._layer, self._ndim, self._detached = name, layer, ndim, detached
        self._output: Tensor | None = None

    def __enter__(self) -> "FeatureMap":
        self._handle = self._layer.register_forward_hook(self._keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.remove()

    def _keep(self, _layer: nn.Module, _args: tuple[object, ...], output: object) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != self._ndim + 2:
            shape = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"target layer '{self.name}' returns {shape}; Grad-CAM needs a feature map [n, k, "
                f"{', '.join(('d', 'h', 'w')[-self._ndim :])}]: pass another target_layer"
            )
        self._output = output.detach().requires_grad_() if self._detached else output
        # The network goes on with a copy, so that an in-place ReLU after the layer leaves the kept values alone.
        return self._output.clone()

    def class_activation_map(self, score: Tensor, keep_graph: bool) -> Tensor:
        """Grad-CAM of `score`, ``[n, *feature_spatial]``."""
        if self._output is None:
            raise ValueError(f"target layer '{self.name}' did not run in the forward pass: pass another target_layer")
        gradient = None
        if score.requires_grad:
            (gradient,) = torch.autograd.grad(score, self._output, retain_graph=keep_graph, allow_unused=True)
        if gradient is None:
            raise ValueError(
                f"the class score does not depend on target layer '{self.name}': pass another target_layer"
            )
        return class_activation_map(self._output.detach(), gradient)


class GradCAM(Explainer):
    """Gradient-weighted class activation maps.

    Parameters
    ----------
    model
        A network with convolutions; any architecture.
    target_layer
        Where the feature map is taken: an index into the convolutional section, a dotted module name (``layer4.1``),
        a module, or None for the last layer of the convolutional section, or, where the model is not divided into two
        sections, the last feature map before global pooling.
    section_names
        Names of the convolutional and of the fully connected section; None detects them where there are two.
    mode
        "2D", "3D", or None to read it off the model.

    Examples
    --------
    >>> from saliency import NeuralNetwork
    >>> output, cam = GradCAM(NeuralNetwork([1, 50, 50]), target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    map_name = "gradcam"

    def __init__(
        self,
        model: nn.Module,
        target_layer: int | str | nn.Module | None = None,
        section_names: Sequence[str] | None = None,
        mode: str | None = None,
    ) -> None:
        super().__init__(model, section_names, mode)
        self._wanted = target_layer
        self._found: tuple[str, nn.Module] | None = None

    def target_layer(self, x: Tensor) -> tuple[str, nn.Module]:
        """Name and module of the target layer; found on first use, with one pass of the batch's first sample."""
        if self._found is None:
            with unchanged(self.model):
                self._found = find_target_layer(self.model, self._wanted, self.sections, x[:1])
        return self._found

    def feature_map(self, x: Tensor, detached: bool) -> FeatureMap:
        """The recorder of the target layer for a forward pass of `x`."""
        return FeatureMap(*self.target_layer(x), self.ndim, detached)

    @contextmanager
    def _recording(self, x: Tensor) -> Iterator[MapReader]:
        with self.feature_map(x, detached=True) as features:
            yield lambda score, keep_graph: {"gradcam": features.class_activation_map(score, keep_graph)}

    def _finish(self, maps: dict[str, Tensor], spatial: Sequence[int]) -> Tensor:
        cam = maps["gradcam"]
        blank = int((cam.flatten(1) == 0).all(dim=1).sum())
        if blank:
            warnings.warn(
                f"Grad-CAM is zero everywhere for {blank} of {len(cam)} samples: nothing in target layer "
                f"'{self._found[0] if self._found else ''}' speaks for the class",
                stacklevel=3,
            )
        return enlarge(cam, spatial)
