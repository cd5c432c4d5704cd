"""Guided Backpropagation: which pixels excite the class score through positive paths only.

Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014, https://arxiv.org/abs/1412.6806
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from saliency.explainer import Explainer, MapReader
from saliency.input_gradient import FastInputGradient

RECTIFIERS = frozenset({"relu", "relu_", "relu6", "leaky_relu", "leaky_relu_"})
# hardtanh is what nn.ReLU6 calls; with another lower bound than 0 it is no rectifier.
CLIPPED = frozenset({"hardtanh", "hardtanh_"})
OTHER_ACTIVATIONS = {
    **{"gelu": "GELU", "silu": "SiLU", "mish": "Mish", "hardswish": "Hardswish", "softplus": "Softplus"},
    **{"elu": "ELU", "elu_": "ELU", "selu": "SELU", "selu_": "SELU", "celu": "CELU", "celu_": "CELU"},
    **{"prelu": "PReLU", "rrelu": "RReLU", "rrelu_": "RReLU", "_threshold": "Threshold"},
    **{"hardtanh": "Hardtanh", "hardtanh_": "Hardtanh"},
}


class GuidedReLU(TorchFunctionMode):
    r"""Context manager under which rectifiers can be differentiated in the guided way.

    While :attr:`guided` is on, each rectifier :math:`y = \phi(x)` passes only positive gradient back:

    .. math:: \frac{\partial S}{\partial x} = \phi'(x) \, \max\left(0, \frac{\partial S}{\partial y}\right)

    which for ReLU is ``1[y > 0] * max(grad, 0)``. The calls themselves are intercepted, not the modules, so that
    functional, in-place and reused ReLUs are caught, and the model stays untouched. The rule hangs on the graph as a
    hook and disappears with it.

    Attributes
    ----------
    guided
        Off by default, where gradients are the plain ones; read during each backward pass.
    found
        Number of rectifier calls.
    others
        Names of other activations that ran; these pass the plain gradient.

    Examples
    --------
    >>> x = torch.tensor([1.0, 2.0, -3.0], requires_grad=True)
    >>> with GuidedReLU() as relu:
    ...     score = (x.relu() * torch.tensor([1.0, -1.0, 1.0])).sum()
    >>> relu.gradient(score, x, keep_graph=False)
    tensor([1., 0., 0.])
    """

    def __init__(self) -> None:
        super().__init__()
        self.guided = False
        self.found = 0
        self.others: set[str] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in RECTIFIERS and not (name in CLIPPED and _lower_bound(args, kwargs) == 0):
            if name in OTHER_ACTIVATIONS:
                self.others.add(OTHER_ACTIVATIONS[name])
            return func(*args, **kwargs)
        self.found += 1
        source: Tensor = args[0] if args else kwargs.pop("input")
        arguments = args[1:]
        if source._is_view() and (name.endswith("_") or kwargs.get("inplace")):
            # Written through a view, the result reaches the rest of the network by way of the base tensor, which does
            # not pass the hook; a copy that does is written into the view instead.
            return source.copy_(self._hooked(func(source.clone(), *arguments, **kwargs), name))
        return self._hooked(func(source, *arguments, **kwargs), name)

    def _hooked(self, output: Tensor, name: str) -> Tensor:
        if output.grad_fn is not None:
            if name.startswith("leaky_relu"):
                output.register_hook(lambda grad: grad.clamp_min(0) if self.guided else grad)
            else:
                output.grad_fn.register_hook(self._clamp)
        return output

    def _clamp(self, gradients: tuple[Tensor, ...], _: tuple[Tensor, ...]) -> None:
        """Drop negative gradient behind a rectifier: where its slope is 0 or 1, that is the same as before it.

        What the rectifier's backward pass returns is nobody else's, and can be written to.
        """
        if self.guided:
            gradients[0].clamp_min_(0)

    def gradient(self, score: Tensor, x: Tensor, keep_graph: bool) -> Tensor:
        """Guided gradient of `score`, of the shape of `x`."""
        self.guided = True
        try:
            (gradient,) = torch.autograd.grad(score, x, retain_graph=keep_graph)
        finally:
            self.guided = False
        return gradient


def _lower_bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    return kwargs.get("min_val", args[1] if len(args) > 1 else -1.0)


class GuidedBackprop(Explainer):
    """Guided Backpropagation maps: signed, of the shape of the input.

    ReLU, ReLU6 and LeakyReLU are guided, in whatever form they are called. Other activations pass the plain gradient,
    about which there is one warning.

    Parameters
    ----------
    model
        A network with convolutions; any architecture, but not TorchScript, whose calls cannot be intercepted.
    section_names
        Accepted for uniformity; guided backpropagation does not need them.
    mode
        "2D", "3D", or None to read it off the model.

    Examples
    --------
    >>> from saliency import NeuralNetwork
    >>> output, gbp = GuidedBackprop(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(gbp.shape)
    (4, 1, 50, 50)
    """

    map_name = "guided_backprop"

    @contextmanager
    def _recording(self, x: Tensor) -> Iterator[MapReader]:
        with guided_relu(self, x) as relu:
            yield lambda score, keep_graph: {"guided_backprop": relu.gradient(score, x, keep_graph)}


@contextmanager
def guided_relu(explainer: Explainer, x: Tensor) -> Iterator[GuidedReLU]:
    """Surround a forward pass of `x` so that guided gradients of it can be taken; warn once per explainer."""
    scripted = [name for name, module in explainer.model.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    if scripted:
        raise ValueError(
            f"module '{scripted[0]}' is TorchScript, in which ReLUs cannot be guided: build the network from "
            "its Python class and load the state_dict"
        )
    x.requires_grad_()
    with FastInputGradient(), GuidedReLU() as relu:
        yield relu
    if not relu.found:
        others = f" (it has {', '.join(sorted(relu.others))})" if relu.others else ""
        _warn_once(explainer, f"the model has no ReLU{others}: guided backpropagation is the plain gradient")
    elif relu.others:
        names = ", ".join(sorted(relu.others))
        _warn_once(explainer, f"{names} is no ReLU and passes the plain gradient in guided backpropagation")


def _warn_once(explainer: Explainer, message: str) -> None:
    if not getattr(explainer, "_warned", False):
        explainer._warned = True
        warnings.warn(message, stacklevel=7)
