"""Building a network from its config entry and loading its weights."""

import logging
from collections.abc import Sequence
from typing import Any

from torch import nn

from saliency.experiment.config import Config, network_shape
from saliency.files.network_files import network_file
from saliency.methods.passes.model_state import made_differentiable
from saliency.networks.factory import build_network
from saliency.networks.in_file import network_in_file
from saliency.networks.weights import FOUND, Choice, load_weights

log = logging.getLogger(__name__)


def load_model(
    factory: str,
    kwargs: dict[str, Any],
    weights: str | None,
    trust_checkpoint: bool = False,
    choice: Choice = FOUND,
    shape: Sequence[int] | None = None,
) -> nn.Module:
    """Call a factory and load a checkpoint into what it returns.

    Parameters
    ----------
    factory
        ``package.module:callable``; modules in the working directory are found too. The callable may be an attribute
        of a class (``package:Class.method``). It runs with torch's seed at 0. Or a network in a file, ``onnx:FILE`` or
        ``torchscript:FILE``.
    kwargs
        Its keyword arguments.
    weights
        A ``.safetensors`` file, a checkpoint that ``torch.load(weights_only=True)`` reads, or the index of one in
        parts. The state dict in it that fits the network is found, and so is a prefix of its names. None keeps the
        factory's weights.
    trust_checkpoint
        Load with ``weights_only=False``, or load TorchScript, which runs whatever code is in the file.
    choice
        Which state dict and prefix is meant, where several fit.
    shape
        ``(c, *spatial)`` of the input, for layers that take their sizes from it.

    Returns
    -------
    nn.Module
        In eval mode, on the CPU; without wrappers such as ``DataParallel``.

    Raises
    ------
    DataError
        If the factory, the file or the fit of both fails, saying which.

    Examples
    --------
    >>> model = load_model("saliency:NeuralNetwork", {"input_shape": [1, 50, 50]}, None)
    >>> type(model).__name__, model.training
    ('NeuralNetwork', False)
    """
    return _load(factory, kwargs, weights, trust_checkpoint, choice, shape)[0]


def _load(
    factory: str,
    kwargs: dict[str, Any],
    weights: str | None,
    trust: bool,
    choice: Choice,
    shape: Sequence[int] | None,
) -> tuple[nn.Module, list[str]]:
    if found := network_file(factory):
        return network_in_file(*found, trust).eval(), []
    network = made_differentiable(build_network(factory, kwargs, shape))
    if weights is None:
        log.info("no weights are configured: the network keeps what its factory gave it")
        return network.eval(), []
    return network.eval(), load_weights(network, weights, trust, choice)


def load_pretrained(
    network: nn.Module, weights: str, trust_checkpoint: bool = False, choice: Choice = FOUND
) -> list[str]:
    """Load a checkpoint into a network that may have another number of classes.

    Tensors that differ from the network's in the length of their first axis only belong to layers on whose output no
    other weights rest: those that give the scores of classes. They are left out, and these layers keep what they have.

    Parameters
    ----------
    network
        Changed in place.
    weights, trust_checkpoint, choice
        As of `load_model`.

    Returns
    -------
    list of str
        Names of the tensors that were left out.

    Raises
    ------
    DataError
        If the file cannot be read, or does not fit otherwise.

    Examples
    --------
    >>> import torch
    >>> from tempfile import TemporaryDirectory
    >>> def network(classes):
    ...     return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, classes))
    >>> with TemporaryDirectory() as folder:
    ...     torch.save(network(1000).state_dict(), f"{folder}/w.pt")
    ...     load_pretrained(network(4), f"{folder}/w.pt")
    ['2.weight', '2.bias']
    """
    return load_weights(network, weights, trust_checkpoint, choice, heads=True)


def configured_model(config: Config, model: str) -> nn.Module:
    """Load the network of one of a config's models; raises as `load_model`."""
    return configured_model_and_left(config, model)[0]


def configured_model_and_left(config: Config, model: str) -> tuple[nn.Module, list[str]]:
    """Load the network of one of a config's models, with the names of the tensors that its weights do not fill."""
    settings = config["models"][model]
    # What is trained here is saved as it is; the choice is about what training starts with.
    choice = FOUND if settings["train"] else Choice.of(settings)
    shape = network_shape(config, model)
    return _load(
        settings["factory"], settings["kwargs"], settings["weights"], settings["trust_checkpoint"], choice, shape
    )
