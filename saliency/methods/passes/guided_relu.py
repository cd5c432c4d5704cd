"""Guided gradients: rectifiers that pass only positive gradient back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from saliency.methods.passes.caller_warning import warn_caller
from saliency.methods.passes.input_gradient import FastInputGradient

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


@contextmanager
def guided_relu(model: nn.Module, x: Tensor, warned: set[str]) -> Iterator[GuidedReLU]:
    """Surround a forward pass of `x` so that guided gradients of it can be taken.

    Parameters
    ----------
    model
        The network.
    x
        Its input, which will require a gradient.
    warned
        What has been warned of already, and is not warned of again.

    Raises
    ------
    ValueError
        If a module is TorchScript.
    """
    scripted = [name for name, module in model.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    if scripted:
        raise ValueError(
            f"module '{scripted[0]}' is TorchScript, in which ReLUs cannot be guided: build the network from "
            "its Python class and load the state_dict"
        )
    x.requires_grad_()
    with FastInputGradient(), GuidedReLU() as relu:
        yield relu
    others = ", ".join(sorted(relu.others))
    if not relu.found:
        has = f" (it has {others})" if others else ""
        message = f"the model has no ReLU{has}: guided backpropagation is the plain gradient"
    elif others:
        message = f"{others} is no ReLU and passes the plain gradient in guided backpropagation"
    else:
        return
    if "activations" not in warned:
        warned.add("activations")
        warn_caller(message)
