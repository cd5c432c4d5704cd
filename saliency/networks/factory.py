"""Calling the factory that a config names, and seeing that what it returns is a network that can be explained."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from saliency.exceptions import DataError, in_one_line
from saliency.files.callables import load_callable

# Where classes of layers lie whose weights are whole numbers.
QUANTISED = (
    "torch.ao.nn.quantized",
    "torch.ao.nn.intrinsic.quantized",
    "torch.ao.nn.sparse.quantized",
    "torch.nn.quantized",
    "bitsandbytes",
)
# What adds and multiplies in networks that can be quantised, and are not.
FLOATING = ("FloatFunctional", "FXFloatFunctional")
# Words in the messages and classes of what is raised where there is no network.
OFFLINE = ("urlerror", "connection", "urlopen", "huggingface", "offline", "name resolution", "max retries", "timed out")


def build_network(
    factory: str, kwargs: dict[str, Any], input_shape: Sequence[int] | None = None, seed: int = 0
) -> nn.Module:
    """Call a factory.

    Parameters
    ----------
    factory, kwargs
        As of `saliency.networks.load.load_model`.
    input_shape
        ``(c, *spatial)``. Where the sizes of layers come from their first input (``LazyLinear``), the network runs once
        on zeros of this shape, in eval mode; weights can only be compared with it afterwards.
    seed
        Torch's, with which it runs.

    Returns
    -------
    nn.Module
        On the CPU.

    Raises
    ------
    DataError
        If the factory cannot be found, raises, or returns no network that can be explained.

    Examples
    --------
    >>> build_network("torch.nn:LazyLinear", {"out_features": 2}, (3,)).weight.shape
    torch.Size([2, 3])
    """
    build = load_callable(factory, "factory")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = build(**kwargs)
        except (Exception, SystemExit) as error:
            raise DataError(_raised(factory, error)) from error
        _check(factory, network)
        _materialise(factory, network, input_shape)
    # Jobs move it to where they compute.
    return network if all(value.device.type == "cpu" for _, value in _tensors(network)) else network.cpu()


def _raised(factory: str, error: BaseException) -> str:
    if isinstance(error, TypeError) and re.search(r"(keyword|positional|required) .*argument", str(error)):
        return f"factory '{factory}' does not take these kwargs: {' '.join(str(error).split())}"
    causes, cause = [], error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    said = " ".join(f"{type(cause).__module__} {type(cause).__name__} {cause}" for cause in causes).lower()
    remedy = "call it with these kwargs in Python, and mend it or the kwargs"
    if any(word in said for word in OFFLINE):
        remedy = (
            "jobs may have no network: turn its download off in kwargs (pretrained: false, weights: null), download "
            "the checkpoint beforehand, and name the file as the model's weights"
        )
    return f"factory '{factory}' raised {in_one_line(error)}: {remedy}"


def _check(factory: str, network: Any) -> None:
    """Refuse what is no network, or none with gradients."""
    if not isinstance(network, nn.Module):
        remedy = "name a function that returns the network"
        if isinstance(network, type):
            returned, remedy = f"the class {network.__name__}", "name the class itself as the factory"
        else:
            returned = f"a {type(network).__name__}"
        if isinstance(network, dict):
            remedy += ", and the checkpoint as weights"
        elif isinstance(network, tuple | list) and any(isinstance(part, nn.Module) for part in network):
            remedy = "write a function that returns the network alone, and name that"
        raise DataError(f"factory '{factory}' returned {returned}, not a torch.nn.Module: {remedy}")
    quantised = [
        f"{name or 'the network'} ({type(module).__name__})"
        for name, module in network.named_modules()
        if type(module).__module__.startswith(QUANTISED) and type(module).__name__ not in FLOATING
    ] + [name for name, value in _tensors(network) if not is_lazy(value) and _is_quantised(value)]
    if quantised:
        raise DataError(
            f"factory '{factory}' returned a quantised network ({quantised[0]}), through which no gradient flows: let "
            "it return the network in floating point, as before the quantisation"
        )
    bare = [name for name, value in _tensors(network) if value.is_meta and not is_lazy(value)]
    if bare:
        raise DataError(
            f"factory '{factory}' returned a network without values ({bare[0]} is on the device meta): let it build "
            "the network on the CPU"
        )


def _is_quantised(value: torch.Tensor) -> bool:
    return value.is_quantized or type(value).__module__.startswith("torchao")


def _tensors(network: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return list(chain(network.named_parameters(), network.named_buffers()))


def _materialise(factory: str, network: nn.Module, input_shape: Sequence[int] | None) -> None:
    """Give layers their sizes that take them from their first input."""
    lazy = [name for name, value in _tensors(network) if is_lazy(value)]
    if not lazy:
        return
    begin = f"factory '{factory}' returned layers whose size comes from their first input ({lazy[0]})"
    remedy = "give them their sizes in the factory"
    if input_shape is None:
        raise DataError(f"{begin}: {remedy}")
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, *input_shape))
    except Exception as error:
        raise DataError(f"{begin}, and does not run on {[1, *input_shape]} ({in_one_line(error)}): {remedy}") from error
    network.train(training)
    left = [name for name, value in _tensors(network) if is_lazy(value)]
    if left:
        raise DataError(f"{begin}, and {left[0]} gets none when it runs: {remedy}")
