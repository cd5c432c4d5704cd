"""Calling a network: its own layers, in Python, where each call can be seen; what does not fit is said in one line."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from saliency.exceptions import in_one_line

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
# What torch.utils.checkpoint.checkpoint looks up when it is called, by whatever name a network has imported it.
GENERATORS = ("_checkpoint_without_reentrant_generator", "_checkpoint_without_reentrant_generator_impl")
# What cuts a tensor into several views at once, into which autograd lets nothing be written.
CUTTING = frozenset({"chunk", "split", "split_with_sizes", "tensor_split", "hsplit", "vsplit", "dsplit", "unbind"})


class _DirectCall:
    """Stands in for what checkpoints a function and runs it again in the backward pass."""

    @staticmethod
    def apply(function: Callable[..., Any], _preserve: bool, *args: Any) -> Any:
        return function(*args)


def _nothing_around(*_args: Any, **_kwargs: Any) -> Iterator[None]:
    yield


@contextmanager
def plain_calls() -> Iterator[None]:
    """Call layers that are compiled (``torch.compile``) or checkpointed (``torch.utils.checkpoint``) as they are.

    Compiled layers hide their activations, and those that run again in the backward pass do so where neither hooks nor
    guided rules reach them. Results are the same: both only change time and memory.

    Examples
    --------
    >>> from torch.utils.checkpoint import checkpoint
    >>> x = torch.ones(2, requires_grad=True)
    >>> with plain_calls():
    ...     checkpoint(torch.relu, x, use_reentrant=True).grad_fn.name()
    'ReluBackward0'
    """
    with ExitStack() as stack:
        module = torch.utils.checkpoint
        stack.enter_context(patch.object(module, "CheckpointFunction", _DirectCall))
        for name in GENERATORS:
            if hasattr(module, name):
                stack.enter_context(patch.object(module, name, _nothing_around))
        # What is compiled has imported it, which takes seconds.
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        # Taken only where no gradient is wanted, it rounds otherwise: predictions would differ from those beside maps.
        stack.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        yield


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside ``torch.compile``, ``DataParallel`` and ``DistributedDataParallel``, itself where it has none.

    Examples
    --------
    >>> network = nn.Linear(2, 2)
    >>> unwrapped(nn.DataParallel(network)) is network, unwrapped(network) is network
    (True, True)
    """
    while True:
        if isinstance(model, WRAPPERS):
            model = model.module
        elif "torch._dynamo" in sys.modules and isinstance(model, torch._dynamo.eval_frame.OptimizedModule):
            model = model._orig_mod
        else:
            return model


class SingleViews(TorchFunctionMode):
    """Context manager under which pieces of a tensor can be written into, as they can be without a graph.

    Examples
    --------
    >>> x = torch.tensor([[1.0, -1.0]], requires_grad=True)
    >>> with SingleViews():
    ...     second = torch.relu_((x * 1).chunk(2, 1)[1])
    >>> second.item()
    0.0
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        first = args[0] if args else None
        if not isinstance(first, Tensor) or not first.requires_grad:
            return func(*args, **kwargs)
        if name in CUTTING or name == "__iter__":
            pieces = [
                first.as_strided(piece.shape, piece.stride(), piece.storage_offset()) for piece in func(*args, **kwargs)
            ]
            return iter(pieces) if name == "__iter__" else tuple(pieces)
        if first._is_view() and (kwargs.get("inplace") or (name.endswith("_") and not name.endswith("__"))):
            # What the operation keeps for its backward pass must not lie where other pieces are written.
            return first.copy_(func(first.clone(), *args[1:], **kwargs))
        return func(*args, **kwargs)


def call_network(model: nn.Module, x: Tensor) -> Any:
    """What a network returns for a copy of `x`, into which it may write.

    Parameters
    ----------
    model
        Any network.
    x
        ``[n, c, *spatial]``.

    Raises
    ------
    ValueError
        If the network takes more than an image, has parameters of another type than `x`, computes in inference mode, or
        raises what is no RuntimeError.

    Examples
    --------
    >>> class OfAge(nn.Module):
    ...     def forward(self, image, age):
    ...         return image * age
    >>> call_network(OfAge(), torch.ones(1, 1, 2, 2))
    Traceback (most recent call last):
        ...
    ValueError: the network's forward needs age besides the image: write a factory whose network has forward(image) ...
    """
    with plain_calls():
        try:
            return model(x.clone())
        except (ValueError, MemoryError):
            raise
        except RuntimeError as error:
            if "returns multiple views" in str(error):
                with SingleViews():
                    return model(x.clone())
            problem = _problem(model, x, str(error))
            if problem is None:
                raise
            raise ValueError(problem) from error
        except Exception as error:
            further = _further_inputs(model) if isinstance(error, TypeError) else []
            if not further:
                raise ValueError(
                    f"the network's forward raised {in_one_line(error)}: call it with an input of this shape in "
                    "Python, and mend it or the input"
                ) from error
            raise ValueError(
                f"the network's forward needs {', '.join(further)} besides the image: write a factory whose network "
                f"has forward(image) and fills in {', '.join(further)}"
            ) from error


def _further_inputs(model: nn.Module) -> list[str]:
    """Names of what `forward` must be given besides its first argument."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        return []
    needed = [
        one for one in parameters if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    return [one.name for one in needed if one is not parameters[0]]


def _problem(model: nn.Module, x: Tensor, message: str) -> str | None:
    """What is wrong where torch says `message`, and what to do; None where that is not known."""
    if "nference tensor" in message:
        return (
            "the network's forward computes under torch.inference_mode(), where no gradient can be taken: take "
            "inference_mode out of the forward"
        )
    kinds = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    if kinds and x.dtype not in kinds and "type" in message:
        wanted = " and ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
        found = str(x.dtype).removeprefix("torch.")
        return f"x is {found}, but the network's parameters are {wanted}: pass x.to(torch.{wanted.partition(' ')[0]})"
    return None
