"""Taking a model as it is given, and leaving it as it was."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain

import torch
from torch import Tensor, nn

from saliency.methods.passes.black_box import TorchScriptNetwork
from saliency.methods.passes.network_call import unwrapped


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Run `model` in eval mode without parameter gradients; put every flag back afterwards, also on error.

    The flags are set directly rather than with ``model.eval()``, which some models override.

    Parameters
    ----------
    model
        Any module; its submodules may be in different modes.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    >>> with unchanged(model):
    ...     model[1].training, model[0].weight.requires_grad
    (False, False)
    >>> model[1].training, model[0].weight.requires_grad
    (True, True)
    """
    # Frozen TorchScript has no such flag.
    training = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for module, _ in training:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, flag in training:
            module.training = flag
        # Parameters that were made in inference mode can be set in no other.
        with torch.inference_mode() if any(map(Tensor.is_inference, trainable)) else nullcontext():
            for parameter in trainable:
                parameter.requires_grad_(True)


def differentiable(model: object) -> nn.Module:
    """The network itself, of which gradients can be taken, out of what it was wrapped in.

    Parameters
    ----------
    model
        What was given as a network.

    Raises
    ------
    TypeError
        If it is no module.
    ValueError
        If it was built in inference mode.

    Examples
    --------
    >>> with torch.inference_mode():
    ...     network = nn.Linear(2, 2)
    >>> differentiable(network)
    Traceback (most recent call last):
        ...
    ValueError: the network was built under torch.inference_mode(), which forbids gradients: pass copy.deepcopy(network)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: pass a torch.nn.Module")
    network = unwrapped(model)
    if is_built_in_inference_mode(network):
        raise ValueError(
            "the network was built under torch.inference_mode(), which forbids gradients: pass copy.deepcopy(network)"
        )
    return TorchScriptNetwork(network) if isinstance(network, torch.jit.ScriptModule) else network


def made_differentiable(model: nn.Module) -> nn.Module:
    """The network itself, out of what it was wrapped in, as a copy where it was built in inference mode.

    Examples
    --------
    >>> with torch.inference_mode():
    ...     network = nn.Linear(2, 2)
    >>> differentiable(made_differentiable(network))
    Linear(in_features=2, out_features=2, bias=True)
    """
    network = unwrapped(model)
    return copy.deepcopy(network) if is_built_in_inference_mode(network) else network


def is_built_in_inference_mode(network: nn.Module) -> bool:
    """Whether parameters or buffers are tensors of inference mode; ``copy.deepcopy`` makes usual ones of them."""
    return any(values.is_inference() for values in chain(network.parameters(), network.buffers()))
