"""Whether what a network computes for a sample depends on more than that: on chance, or on the samples beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saliency.exceptions import DataError
from saliency.experiment.config import Config

# Those that read descriptions do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)

# Of the largest score: rounding stays below, where the same operations run on the same shapes.
TOLERANCE = 1e-4
# So many modules are named.
NAMED = 3


@dataclass(frozen=True)
class Behaviour:
    """What two passes on the same sample have shown.

    Attributes
    ----------
    random
        The same batch gives other scores when it runs again.
    mixes_samples
        A sample gives other scores when another one is beside it.
    """

    random: bool
    mixes_samples: bool


def observed(scores: Callable[[Tensor], Tensor], x: Tensor, batch_size: int) -> Behaviour:
    """Run a network on noise, twice with the same numbers and once with another second sample.

    Parameters
    ----------
    scores
        Runs the network in eval mode: ``[n, c, *spatial]`` to ``[n, classes]``, or ``[n, classes, *spatial]``.
    x
        ``[1, c, *spatial]``: the noise gets its shape and type.
    batch_size
        How many samples the network will see at once. With 1, none is beside another.

    Examples
    --------
    >>> import torch
    >>> observed(lambda x: torch.nn.functional.dropout(x.flatten(1)), torch.zeros(1, 3, 4, 4), 8)
    Behaviour(random=True, mixes_samples=False)
    >>> observed(lambda x: x.flatten(1) - x.mean(), torch.zeros(1, 3, 4, 4), 8)
    Behaviour(random=False, mixes_samples=True)
    """
    import torch

    numbers = torch.Generator().manual_seed(0)
    first, second, other = (torch.randn(x.shape, generator=numbers, dtype=x.dtype) for _ in range(3))

    def of(batch: Tensor, seed: int) -> Tensor:
        # All that chance decides is the same with the same seed and shape.
        torch.manual_seed(seed)
        return scores(batch)[:1]

    alone = batch_size == 1
    with torch.random.fork_rng(devices=[]):
        batch = first if alone else torch.cat([first, second])
        found = of(batch, 0)
        return Behaviour(
            random=_differ(found, of(batch, 1)),
            mixes_samples=not alone and _differ(found, of(torch.cat([first, other]), 0)),
        )


def _differ(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() > TOLERANCE * one.abs().max())


def describe_behaviour(
    config: Config, model: str, network: nn.Module, x: Tensor, scores: Callable[[Tensor], Tensor]
) -> dict[str, object]:
    """Refuse a network whose scores are random or depend on the other samples of a batch, unless the config allows it.

    Parameters
    ----------
    config, model
        The completed config, and the name of a model.
    network
        In eval mode.
    x, scores
        As of `observed`.

    Returns
    -------
    dict
        ``random``: True where the network is random and the config allows that; empty for others.

    Raises
    ------
    DataError
        Naming the cause, and what to do.
    """
    try:
        found = observed(scores, x, config["batch_size"])
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"models.{model}: the network runs on one sample, but not on two ({str(error).partition(chr(10))[0]}): set "
            "batch_size: 1, or build it without a fixed batch size"
        ) from error
    if found.mixes_samples:
        raise DataError(
            f"models.{model}: the scores of a sample change with the samples beside it{_batch_statistics(network)}: "
            "set batch_size: 1, or build the network with statistics that are fixed in eval mode"
        )
    if not found.random:
        return {}
    if not config["models"][model]["allow_random"]:
        raise DataError(
            f"models.{model}: the network is random in eval mode, two passes on the same samples differ: switch "
            "dropout and noise off in its eval mode (training=self.training), or set "
            f"models.{model}.allow_random: true"
        )
    log.warning(
        "models.%s: the network is random in eval mode: its predictions and maps are those of one draw, and others "
        "with another batch_size or shard_size",
        model,
    )
    return {"random": True}


def _batch_statistics(network: nn.Module) -> str:
    """Names of layers that take statistics over the batch, in brackets; empty where there are none."""
    from torch.nn.modules.batchnorm import _BatchNorm

    names = [
        name
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is None
    ]
    if not names:
        return ""
    shown = ", ".join(f"'{name}'" for name in names[:NAMED]) + (" and others" if len(names) > NAMED else "")
    return f" ({shown}: track_running_stats=False)"
