"""What a network's parameters are known by, and whether they are those with which it was described."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from saliency.exceptions import DataError
from saliency.experiment.config import Config, results_folder
from saliency.files.code_versions import code_of

# Those that read descriptions do not wait for torch.
if TYPE_CHECKING:
    from torch import nn


def parameters_sha256(network: nn.Module) -> str:
    """SHA-256 of all parameters and buffers, with their names, types and shapes.

    Examples
    --------
    >>> import torch
    >>> one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    >>> parameters_sha256(one) == parameters_sha256(one) != parameters_sha256(other)
    True
    """
    import torch

    found = hashlib.sha256()
    for name, value in sorted([*network.named_parameters(), *network.named_buffers()], key=lambda pair: pair[0]):
        content = value.detach().cpu().contiguous()
        found.update(f"{name} {content.dtype} {list(content.shape)}\n".encode())
        # NumPy has no bfloat16.
        found.update(content.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def check_parameters(config: Config, model: str, network: nn.Module) -> str:
    """See that a network has the parameters with which ``model.json`` describes it.

    A factory may download them, and get others another time.

    Parameters
    ----------
    config, model
        The completed config, and the name of a model.
    network
        As `saliency.networks.load.configured_model` built it.

    Returns
    -------
    str
        Their SHA-256.

    Raises
    ------
    DataError
        If they are others, or differ each time that the network is built.
    """
    found, path = parameters_sha256(network), results_folder(config) / model / "model.json"
    try:
        described = json.loads(path.read_text(encoding="utf-8")).get("parameters_sha256")
    # Descriptions of earlier versions do not say it; results in object storage lie elsewhere.
    except (OSError, ValueError, AttributeError):
        described = None
    if described not in (None, found):
        raise DataError(
            f"models.{model}: its factory returns other weights than those that {path} was written with: they were "
            "downloaded anew, or differ each time; name a file as the model's weights, or delete model.json and "
            "target_layer.json there and run again, which makes all of the model's maps again"
        )
    return found


def network_id(config: Config, model: str, network: nn.Module) -> str:
    """What a network is known by in logs: its code and its parameters, which are checked as in `check_parameters`."""
    settings = config["models"][model]
    code = code_of(settings["factory"]) if settings["code"] is None else settings["code"]
    known = json.dumps([code, check_parameters(config, model, network)], sort_keys=True)
    return hashlib.sha256(known.encode()).hexdigest()[:16]
