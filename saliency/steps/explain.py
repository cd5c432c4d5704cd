"""Computing maps: of one method from a network, or from stored maps of other methods."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import DataError
from saliency.methods.registered import method
from saliency.store.shard import Shard

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import ForwardPass

log = logging.getLogger(__name__)

# Of fewer samples, all may be black pictures.
FEWEST_UNIFORM = 4


def collect_maps(
    shard: Shard,
    names: Sequence[str],
    maps: dict[str, np.ndarray],
    forward: ForwardPass,
    classes: dict[str, np.ndarray],
    rows: slice,
) -> None:
    """Read the maps of one batch and put them into `maps`, by ``target/method``.

    Parameters
    ----------
    shard
        Whose samples they are.
    names
        Of the methods whose maps are stored, parts first.
    maps
        Arrays of the whole shard, which are filled.
    forward
        The batch's forward pass.
    classes
        By target: the class that is explained in each sample of the batch, -1 for none.
    rows
        Positions of the batch in the shard.
    """
    import torch

    from saliency.methods.passes.forward_pass import combined

    wanted = [method(name) for name in names]
    for number, (target, values) in enumerate(classes.items()):
        chosen = torch.from_numpy(values).to(forward.scores.device)
        found = forward.maps(chosen.clamp(min=0), keep_graph=number + 1 < len(classes))
        # Made from others on the CPU, as the step of its own makes them: GPUs round interpolation differently.
        of_cpu = {name: batch.cpu() for name, batch in found.items()}
        every = combined(of_cpu, wanted, shard.plan.method_settings)
        for name in names:
            _store_batch(shard, maps, f"{target}/{name}", every[name], values, rows)


def _store_batch(
    shard: Shard, maps: dict[str, np.ndarray], name: str, batch: Tensor, classes: np.ndarray, rows: slice
) -> None:
    array = batch.numpy()
    array[classes < 0] = np.nan
    explained = classes >= 0
    flat = array.reshape(len(array), -1)
    bad = explained & ~np.isfinite(flat).all(axis=1)
    for number in np.flatnonzero(bad):
        shard.warn(rows.start + number, f"{name} is not finite, NaN is stored")
    array[bad] = np.nan
    blank = int((flat == 0).all(axis=1).sum())
    if blank:
        log.warning("%s: %d of %d maps are zero everywhere", name, blank, len(array))
    shard.put(maps, name, rows, array)


def is_uniform(maps: np.ndarray) -> np.ndarray:
    """Which maps ``(n, *spatial)`` have one value everywhere, but for rounding, ``(n,)``.

    Examples
    --------
    >>> is_uniform(np.array([[[0.5, 0.5]], [[0.0, 0.0]], [[0.5, 0.4]]])).tolist()
    [True, True, False]
    """
    flat = maps.reshape(len(maps), -1)
    return np.ptp(flat, axis=1) <= 1e-6 * np.abs(flat).max(axis=1)


def refuse_uniform(shard: Shard, name: str, maps: np.ndarray) -> None:
    """End the job where none of a shard's maps on a feature map tells one place from another.

    Parameters
    ----------
    shard
        Whose samples they are.
    name
        Of the array, ``target/method``.
    maps
        ``[n, *feature_spatial]``; NaN where there is none. Maps of zeros say that no place speaks for the class.

    Raises
    ------
    DataError
        Naming the layer.
    """
    if method(name.rpartition("/")[2]).grid != "features":
        return
    finite = maps[np.isfinite(maps.reshape(len(maps), -1)).all(axis=1)]
    if len(finite) >= FEWEST_UNIFORM and is_uniform(finite).all() and finite.any():
        raise DataError(
            f"models.{shard.model}: each of {len(finite)} maps of {name} has the same value everywhere: the output of "
            f"layer '{shard.target_layer}' does not tell one place from another; set target_layer to a layer before "
            "the pooling"
        )


def explain_shard(shard: Shard, name: str, target: str) -> None:
    """Compute the maps of one method, from the network."""
    from saliency.networks.runner import Runner

    runner = Runner(shard.config, shard.model, shard.target_layer, shard.layout)
    explainer = runner.explainer([name])
    classes = shard.read(f"{target}/class")
    maps: dict[str, np.ndarray] = {}

    def explain_batch(rows: slice, batch: Tensor, region: Tensor | None) -> None:
        with explainer.forward_pass(batch, runner.ignore_lastlayer, region) as forward:
            collect_maps(shard, [name], maps, forward, {target: classes[rows]}, rows)

    many = len(shard.plan.shards) > 1
    runner.for_each_batch(name, shard.read("inputs"), shard.read_regions(), explain_batch, shard.progress(name), many)
    refuse_uniform(shard, f"{target}/{name}", maps[f"{target}/{name}"])
    shard.write(f"{target}/{name}", maps[f"{target}/{name}"])


def combine_shard(shard: Shard, name: str, target: str) -> None:
    """Make the maps of one method from stored maps of others."""
    import torch

    torch.set_num_threads(shard.config["threads"])
    kind, settings = method(name), shard.plan.method_settings[name]
    parts = {part: shard.read(f"{target}/{part}") for part in kind.parts}
    size = shard.config["batch_size"]
    found = [
        kind.combine(
            {part: torch.from_numpy(values[at : at + size]) for part, values in parts.items()}, settings
        ).numpy()
        for at in range(0, len(shard), size)
    ]
    shard.write(f"{target}/{name}", np.concatenate(found))
    log.info("%s: %d of %d samples", name, len(shard), len(shard))
