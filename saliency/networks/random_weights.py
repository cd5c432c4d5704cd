"""Whether a network's weights are those of its factory's random initialisation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from saliency.experiment.config import Config, network_shape
from saliency.files.network_files import stored_in

# Those that read descriptions do not wait for torch.
if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger(__name__)


def differing_parameters(network: nn.Module, other: nn.Module) -> int:
    """Number of a network's parameter tensors that another build of it does not have alike.

    Examples
    --------
    >>> import torch
    >>> one, other = (torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)) for _ in range(2))
    >>> differing_parameters(one, one), differing_parameters(one, other)
    (0, 2)
    """
    import torch

    others = dict(other.named_parameters())
    return sum(name not in others or not torch.equal(own, others[name]) for name, own in network.named_parameters())


def describe_random_weights(config: Config, model: str, network: nn.Module) -> dict[str, object]:
    """Build a network without configured weights once more, with another seed, and compare.

    Parameters
    ----------
    config, model
        The completed config, and the name of a model.
    network
        As `saliency.networks.load.configured_model` built it.

    Returns
    -------
    dict
        ``random_weights``: of how many parameter ``tensors`` how many ``differ`` between two builds; empty where the
        config names a file with weights.
    """
    from saliency.methods.passes.model_state import made_differentiable
    from saliency.networks.factory import build_network

    settings = config["models"][model]
    if stored_in(settings["factory"], settings["weights"]) is not None:
        return {}
    other = build_network(settings["factory"], settings["kwargs"], network_shape(config, model), seed=1)
    differ = differing_parameters(network, made_differentiable(other))
    tensors = sum(1 for _ in network.parameters())
    if differ:
        log.warning(
            "models.%s: its weights are random: %d of %d parameter tensors differ between two builds by its factory; "
            "set models.%s.weights",
            *(model, differ, tensors, model),
        )
    return {"random_weights": {"differ": differ, "tensors": tensors}}
