"""Building a network from its config entry and loading its weights."""

import logging
import re
import sys
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from saliency.config import Config, input_config
from saliency.explainer import predict
from saliency.gradcam import GradCAM
from saliency.log import DataError
from saliency.paths import file_sha256, resolve
from saliency.samples import preprocessing_of

log = logging.getLogger(__name__)


def load_model(factory: str, kwargs: dict[str, Any], weights: str | None, trust_checkpoint: bool = False) -> nn.Module:
    """Call a factory and load a checkpoint into what it returns.

    Parameters
    ----------
    factory
        ``package.module:callable``; modules in the working directory are found too. The callable may be an attribute
        of a class (``package:Class.method``). It runs with torch's seed at 0.
    kwargs
        Its keyword arguments.
    weights
        A ``.safetensors`` file, or a checkpoint that ``torch.load(weights_only=True)`` reads: a state dict, also
        under the key ``state_dict`` or ``model``, also with the prefix ``module.``. None keeps the factory's weights.
    trust_checkpoint
        Load with ``weights_only=False``, which runs whatever code is in the file.

    Returns
    -------
    nn.Module
        In eval mode, on the CPU.

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
    module_name, _, attribute = factory.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        build: Any = import_module(module_name)
        for name in attribute.split("."):
            build = getattr(build, name)
    except (ImportError, AttributeError) as error:
        raise DataError(f"factory '{factory}' cannot be found: {error}") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model = build(**kwargs)
        except TypeError as error:
            raise DataError(f"factory '{factory}' does not take these kwargs: {error}") from error
    if not isinstance(model, nn.Module):
        raise DataError(f"factory '{factory}' returned a {type(model).__name__}, not a torch.nn.Module")
    if weights is None:
        log.info("no weights are configured: the network keeps what its factory gave it")
    else:
        _load_weights(model, _read_checkpoint(resolve(weights, Path()), weights, trust_checkpoint), weights)
    return model.eval()


def _read_checkpoint(path: Path, name: str, trust: bool) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=not trust)
    # Readers raise what they like on broken files.
    except Exception as error:
        if trust or not isinstance(error, UnpicklingError):
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise DataError(f"weights '{name}' cannot be read ({reason}): replace the file") from error
        code = re.search(r"GLOBAL (\S+)", str(error))
        wrong = (
            f"hold more than tensors (loading calls {code[1]})" if code else "are damaged, or no checkpoint of tensors"
        )
        raise DataError(
            f"weights '{name}' {wrong}: save model.state_dict(), or use .safetensors; trust_checkpoint: true loads the "
            "file all the same, and runs any code that is in it"
        ) from error


def _load_weights(model: nn.Module, state: Any, name: str) -> None:
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise DataError(f"weights '{name}' hold no state dict: save model.state_dict()")
    state = {key.removeprefix("module."): value for key, value in state.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"weights '{name}' do not fit the network: {' '.join(str(error).split())}") from error


def arrange_channels_last(network: nn.Module, example: Tensor) -> nn.Module:
    """Lay out a network's convolutions with channels last in memory, with which oneDNN computes faster.

    Parameters
    ----------
    network
        Changed in place. What cannot run like that stays as it is, for example where ``view`` flattens a feature map.
    example
        ``[1, c, *spatial]``: run through the network once.

    Examples
    --------
    >>> network = arrange_channels_last(nn.Sequential(nn.Conv2d(3, 8, 3)), torch.zeros(1, 3, 8, 8))
    >>> network(torch.zeros(1, 3, 8, 8)).is_contiguous(memory_format=torch.channels_last)
    True
    """
    convolutions = [parameter for parameter in network.parameters() if parameter.ndim == example.ndim]

    def arrange(memory_format: torch.memory_format) -> None:
        for weight in convolutions:
            weight.data = weight.data.contiguous(memory_format=memory_format)

    arrange(torch.channels_last if example.ndim == 4 else torch.channels_last_3d)
    try:
        predict(network, example)
    except RuntimeError as error:
        log.info("the network needs its channels first in memory: %s", str(error).partition("\n")[0])
        arrange(torch.contiguous_format)
    return network


def describe_model(config: Config, model: str) -> dict[str, object]:
    """Run a network once on zeros and describe it, before any real work is done.

    Returns
    -------
    dict
        ``factory``, ``weights``, ``weights_sha256``, ``parameters`` (their number), ``input_shape``, ``classes``,
        and ``dense``: whether there is a score for each pixel or voxel.
    """
    settings = config["models"][model]
    network, x = _network_and_zeros(config, model)
    try:
        output = predict(network, x, settings["ignore_lastlayer"])
    except (ValueError, RuntimeError) as error:
        raise DataError(f"models.{model}: for an input of shape {list(x.shape)}: {error}") from error
    if config["region"] == "mask" and output.shape[2:] != x.shape[2:]:
        raise DataError(
            f"models.{model}: region: mask needs one score per pixel or voxel of the input {list(x.shape)}, but the "
            f"output has shape {list(output.shape)}: use region: predicted"
        )
    weights = settings["weights"]
    return {
        "factory": settings["factory"],
        "weights": weights,
        "weights_sha256": file_sha256(resolve(weights, Path())) if weights else None,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "input_shape": list(x.shape[1:]),
        "classes": output.shape[1],
        "dense": output.ndim > 2,
    }


def describe_target_layer(config: Config, model: str) -> dict[str, object]:
    """Find the layer that Grad-CAM uses, and the shape of its feature map.

    Returns
    -------
    dict
        ``target_layer``, a module name, and ``feature_shape``, its spatial shape.
    """
    settings = config["models"][model]
    network, x = _network_and_zeros(config, model)
    try:
        explainer = GradCAM(network, settings["target_layer"], settings["section_names"])
        with explainer.forward_pass(x, settings["ignore_lastlayer"]) as forward:
            cam = forward.maps(torch.tensor([0]))["gradcam"]
    except (ValueError, RuntimeError) as error:
        raise DataError(f"models.{model}: for an input of shape {list(x.shape)}: {error}") from error
    name, _ = explainer.target_layer(x)
    if cam.numel() == 1:
        log.warning("target layer '%s' has a single position: its Grad-CAM is the same everywhere", name)
    return {"target_layer": name, "feature_shape": list(cam.shape[1:])}


def _network_and_zeros(config: Config, model: str) -> tuple[nn.Module, Tensor]:
    settings = config["models"][model]
    network = load_model(settings["factory"], settings["kwargs"], settings["weights"], settings["trust_checkpoint"])
    return network, torch.zeros(1, *preprocessing_of(input_config(config, model)).shape)
