"""Gradients by other rules than the derivative's: rectifiers that pass only positive gradient back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from saliency.methods.passes.caller_warning import warn_caller
from saliency.methods.passes.input_gradient import FastInputGradient, input_gradient
from saliency.methods.passes.rectifiers import LEAKY, PRODUCTS, RELU, SPELLINGS, WRITING, bends, is_rectifier, remember

OTHER_ACTIVATIONS = {
    **{"gelu": "GELU", "silu": "SiLU", "mish": "Mish", "hardswish": "Hardswish", "softplus": "Softplus"},
    **{"elu": "ELU", "elu_": "ELU", "selu": "SELU", "selu_": "SELU", "celu": "CELU", "celu_": "CELU"},
    **{"prelu": "PReLU", "rrelu": "RReLU", "rrelu_": "RReLU", "hardtanh": "Hardtanh", "hardtanh_": "Hardtanh"},
    **{"abs": "abs", "abs_": "abs", "minimum": "minimum", "clamp_max": "clamp", "clamp_max_": "clamp"},
}
# Steps of the recorded graph that are activations, or may be; those of calls that were seen are marked.
NODES = {
    **{"Relu": "relu", "LeakyRelu": "leaky_relu", "Hardtanh": "hardtanh", "Threshold": "threshold", "Clamp": "clamp"},
    **{"ClampMin": "clamp", "ClampMax": "clamp", "Maximum": "maximum", "Fmax": "maximum", "Minimum": "minimum"},
    **{"Fmin": "minimum", "Where": "where", "MaskedFill": "masked_fill", "Abs": "abs", "Gelu": "GELU", "Silu": "SiLU"},
    **{"Mish": "Mish", "Hardswish": "Hardswish", "Softplus": "Softplus", "Elu": "ELU", "Celu": "CELU"},
    **{"PreluKernel": "PReLU", "RreluWithNoise": "RReLU"},
    **{"DifferentiableGraph": "a TorchScript function", "CompiledFunction": "a compiled function"},
}
SEEN = "seen by guided backpropagation"


class GuidedReLU(TorchFunctionMode):
    r"""Context manager under which rectifiers can be differentiated in the guided way, or as deconvolution does.

    While :attr:`guided` is on, each rectifier :math:`y = \phi(x)` passes only positive gradient back:

    .. math:: \frac{\partial S}{\partial x} = \phi'(x) \, \max\left(0, \frac{\partial S}{\partial y}\right)

    which for ReLU is ``1[y > 0] * max(grad, 0)``. While :attr:`deconvolved` is on, they pass positive gradient back
    whatever they have let through, as Zeiler and Fergus's deconvolution does:

    .. math:: \frac{\partial S}{\partial x} = \max\left(0, \frac{\partial S}{\partial y}\right)

    The calls themselves are intercepted, not the modules, so that
    functional, in-place and reused ReLUs are caught, in all spellings of `saliency.methods.passes.rectifiers`, and the
    model stays untouched. The rule hangs on the graph as a hook and disappears with it.

    Attributes
    ----------
    guided, deconvolved
        Off by default, where gradients are the plain ones; read during each backward pass.
    found
        Number of rectifier calls on values with a gradient.
    others
        Names of other activations that ran; these pass the plain gradient.
    spelled
        Names of functions that were rectifiers in other words than ReLU's, whose deconvolution is not known.

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
        self.deconvolved = False
        self.found = 0
        self.others: set[str] = set()
        self.spelled: set[str] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0]
        if name in RELU or (name in SPELLINGS and is_rectifier(name, args, kwargs)):
            return self._guided(func, name, args, kwargs)
        known = OTHER_ACTIVATIONS.get(name) or (bends(name, args, kwargs) if name in SPELLINGS else None)
        output = func(*args, **kwargs)
        if known or name in SPELLINGS:
            if known and isinstance(output, Tensor | None):
                changed = args[0] if output is None else output
                if changed.requires_grad:
                    self.others.add(known)
            if name not in PRODUCTS:
                _mark(output)
        if isinstance(output, Tensor) and not output.requires_grad:
            remember(name, args, output)
        return output

    def _guided(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a rectifier, and hang the rule on what it returns or has written to."""
        source: Tensor = args[0] if args else kwargs["input"]
        writes = kwargs.get("inplace") or name in WRITING or (name.endswith("_") and not name.endswith("__"))
        if writes and source._is_view():
            # Written through a view, the result reaches the rest of the network by way of the base tensor, which does
            # not pass the hook; a copy that does is written into the view instead.
            copy = source.clone()
            output = func(copy, *args[1:], **{word: value for word, value in kwargs.items() if word != "input"})
            return source.copy_(self._hooked(copy if output is None else output, name))
        output = func(*args, **kwargs)
        self._hooked(source if output is None else output, name)
        return output

    def _hooked(self, output: Tensor, name: str) -> Tensor:
        if output.grad_fn is not None:
            self.found += 1
            if name in RELU - LEAKY or name.startswith("hardtanh"):
                output.grad_fn.register_hook(self._clamp)
            else:
                self.spelled.add(name)
                output.register_hook(lambda grad: grad.clamp_min(0) if self.guided else grad)
            _mark(output)
        return output

    def _clamp(self, gradients: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """Drop negative gradient behind a rectifier: where its slope is 0 or 1, that is the same as before it.

        What the rectifier's backward pass returns is nobody else's, and can be written to.
        """
        if self.deconvolved and after[0] is not None:
            return (after[0].clamp_min(0), *gradients[1:])
        if self.guided and gradients[0] is not None:
            gradients[0].clamp_min_(0)
        return None

    def gradient(self, score: Tensor, x: Tensor, keep_graph: bool, deconvolved: bool = False) -> Tensor:
        """Guided gradient of `score`, or its deconvolution, of the shape of `x`.

        Raises
        ------
        ValueError
            If the score does not depend on `x`, or a rectifier cannot be deconvolved.
        """
        if deconvolved and self.spelled:
            raise ValueError(
                f"deconvolution knows ReLU, and this network also rectifies by {', '.join(sorted(self.spelled))}: "
                "leave deconvolution out, or build the network with torch.relu"
            )
        self.guided, self.deconvolved = not deconvolved, deconvolved
        try:
            return input_gradient(score, x, keep_graph)
        finally:
            self.guided = self.deconvolved = False

    def warn(self, nodes: Iterable[Node], warned: set[str]) -> None:
        """Warn, once, of activations that pass the plain gradient.

        Parameters
        ----------
        nodes
            Of the recorded graph: what ran where no call could be seen is found there.
        warned
            What has been warned of already, and is not warned of again.
        """
        if "activations" in warned:
            return
        names = sorted(self.others | {name for name in map(_unseen, nodes) if name})
        others = ", ".join(names)
        if not self.found:
            has = f" (it has {others})" if others else ""
            message = f"the model has no ReLU{has}: guided backpropagation is the plain gradient"
        elif len(names) > 1:
            message = f"{others} are no ReLU and pass the plain gradient in guided backpropagation"
        elif others:
            message = f"{others} is no ReLU and passes the plain gradient in guided backpropagation"
        else:
            return
        warned.add("activations")
        warn_caller(message)


def _mark(output: object) -> None:
    if isinstance(output, Tensor) and output.grad_fn is not None:
        output.grad_fn.metadata[SEEN] = True  # type: ignore[index] # a dict, said to be a method


def _unseen(node: Node) -> str | None:
    """How to call what made a node of the graph, where it may be an activation whose call was not seen."""
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        forward: type = type(node)._forward_cls
        return None if forward.__module__.startswith("saliency.") else forward.__name__
    kind = node.name().rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")
    if kind not in NODES or SEEN in node.metadata:  # type: ignore[operator]
        return None
    if (
        kind in ("Clamp", "ClampMin")
        and bends("clamp", (None, getattr(node, "_saved_min", None), getattr(node, "_saved_max", None)), {}) is None
    ):
        return None
    return NODES[kind]


def refuse_torchscript(model: nn.Module) -> None:
    """Raise a ValueError if a module is TorchScript, whose calls cannot be seen."""
    scripted = [name for name, module in model.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    if scripted:
        what = f"module '{scripted[0]}'" if scripted[0] else "the network"
        raise ValueError(
            f"{what} is TorchScript, in which ReLUs cannot be guided: build the network from its Python class and load "
            "the state_dict"
        )


@contextmanager
def guided_relu(model: nn.Module) -> Iterator[GuidedReLU]:
    """Surround a forward pass so that guided gradients of its input can be taken.

    Parameters
    ----------
    model
        The network.

    Raises
    ------
    ValueError
        If a module is TorchScript.
    """
    refuse_torchscript(model)
    with FastInputGradient(), GuidedReLU() as relu:
        yield relu
