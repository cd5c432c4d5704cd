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

from saliency.exceptions import DataError
from saliency.experiment.config import Config
from saliency.files.paths import resolve

log = logging.getLogger(__name__)


def load_model(
    factory: str, kwargs: dict[str, Any], weights: str | None, trust_checkpoint: bool = False, seed: int = 0
) -> nn.Module:
    """Call a factory and load a checkpoint into what it returns.

    Parameters
    ----------
    factory
        ``package.module:callable``; modules in the working directory are found too. The callable may be an attribute
        of a class (``package:Class.method``).
    kwargs
        Its keyword arguments.
    weights
        A ``.safetensors`` file, or a checkpoint that ``torch.load(weights_only=True)`` reads: a state dict, also
        under the key ``state_dict`` or ``model``, also with the prefix ``module.``. None keeps the factory's weights.
    trust_checkpoint
        Load with ``weights_only=False``, which runs whatever code is in the file.
    seed
        Torch's, with which the factory runs.

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
        torch.manual_seed(seed)
        try:
            model = build(**kwargs)
        except TypeError as error:
            raise DataError(f"factory '{factory}' does not take these kwargs: {error}") from error
    if not isinstance(model, nn.Module):
        raise DataError(f"factory '{factory}' returned a {type(model).__name__}, not a torch.nn.Module")
    if weights is None:
        log.info("no weights are configured: the network keeps what its factory gave it")
    else:
        _fit(
            model, _state_dict(_read_checkpoint(resolve(weights, Path()), weights, trust_checkpoint), weights), weights
        )
    return model.eval()


def load_pretrained(network: nn.Module, weights: str, trust_checkpoint: bool = False) -> list[str]:
    """Load a checkpoint into a network that may have another number of classes.

    Tensors that differ from the network's in the length of their first axis only belong to layers on whose output no
    other weights rest: those that give the scores of classes. They are left out, and these layers keep what they have.

    Parameters
    ----------
    network
        Changed in place.
    weights, trust_checkpoint
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
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> def network(classes):
    ...     return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, classes))
    >>> with TemporaryDirectory() as folder:
    ...     torch.save(network(1000).state_dict(), Path(folder) / "w.pt")
    ...     load_pretrained(network(4), f"{folder}/w.pt")
    ['2.weight', '2.bias']
    """
    state = _state_dict(_read_checkpoint(resolve(weights, Path()), weights, trust_checkpoint), weights)
    own = network.state_dict()
    other = {name: state[name] for name, value in own.items() if name in state and state[name].shape != value.shape}
    anew = [
        name for name, value in other.items() if value.ndim == own[name].ndim and value.shape[1:] == own[name].shape[1:]
    ]
    _fit(network, state | {name: own[name] for name in anew}, weights)
    return anew


def configured_model(config: Config, model: str) -> nn.Module:
    """Load the network of one of a config's models; raises as `load_model`."""
    settings = config["models"][model]
    return load_model(settings["factory"], settings["kwargs"], settings["weights"], settings["trust_checkpoint"])


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


def _state_dict(state: Any, name: str) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise DataError(f"weights '{name}' hold no state dict: save model.state_dict()")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _fit(model: nn.Module, state: dict[str, Tensor], name: str) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"weights '{name}' do not fit the network: {' '.join(str(error).split())}") from error
