"""Computing maps: of one method from a network, or from stored maps of other methods."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import DataError
from saliency.files.in_words import quoted
from saliency.methods.registered import method
from saliency.steps.predict import stored_samples
from saliency.store.codec import Packed
from saliency.store.shard import Shard
from saliency.store.shard_output import ShardOutput

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import ForwardPass

log = logging.getLogger(__name__)

# Of fewer samples, all may be black pictures.
FEWEST_UNIFORM = 4


def is_uniform(maps: np.ndarray) -> np.ndarray:
    """Which maps ``(n, *spatial)`` have one value everywhere, but for rounding, ``(n,)``.

    Examples
    --------
    >>> is_uniform(np.array([[[0.5, 0.5]], [[0.0, 0.0]], [[0.5, 0.4]]])).tolist()
    [True, True, False]
    """
    flat = maps.reshape(len(maps), -1)
    return np.ptp(flat, axis=1) <= 1e-6 * np.abs(flat).max(axis=1)


def batch_maps(
    shard: Shard, names: Sequence[str], forward: ForwardPass, classes: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Read the maps of one batch, by ``target/method``.

    Parameters
    ----------
    shard
        Whose samples they are.
    names
        Of the methods whose maps are stored, parts first.
    forward
        The batch's forward pass.
    classes
        By target: the class that is explained in each sample of the batch, -1 for none.

    Raises
    ------
    DataError
        If a method does not fit the network.
    """
    import torch

    from saliency.methods.passes.forward_pass import combined

    wanted = [method(name) for name in names]
    every: dict[str, np.ndarray] = {}
    for number, (target, values) in enumerate(classes.items()):
        chosen = torch.from_numpy(values).to(forward.scores.device)
        try:
            found = forward.maps(chosen.clamp(min=0), keep_graph=number + 1 < len(classes))
        except ValueError as error:
            raise DataError(f"models.{shard.model}: {error}") from error
        # Made from others as the step of its own makes them: on the CPU, as GPUs round interpolation differently, and
        # of what is stored.
        of_target = {name: batch.cpu() for name, batch in found.items()}
        for kind in wanted:
            made = combined(of_target, [kind], shard.plan.method_settings)[kind.name]
            values = shard.specs[f"{target}/{kind.name}"].rounded(made.numpy())
            every[f"{target}/{kind.name}"], of_target[kind.name] = values, torch.from_numpy(values)
    return every


@dataclass(frozen=True)
class _Checked:
    """The maps of one batch: as they are stored, positions of those that are not finite, and how many are what."""

    packed: Packed
    bad: list[int]
    count: int
    blank: int
    finite: int
    uniform: int
    nonzero: int


class MapsOutput:
    """Stores the maps of one method and target, batch by batch.

    Parameters
    ----------
    shard
        Whose samples they are.
    name
        Of the array, ``target/method``.
    output
        Writes them.
    """

    def __init__(self, shard: Shard, name: str, output: ShardOutput) -> None:
        self.shard, self.name, self.output = shard, name, output
        self.of_features = method(name.rpartition("/")[2]).grid == "features"
        self.finite = self.uniform = self.nonzero = 0

    def put(self, rows: slice, maps: np.ndarray, classes: np.ndarray) -> None:
        """Store maps ``(b, …)`` of some rows, NaN for those that are not finite or of which no class is explained."""
        checked = self.output.workers.start(self._check, maps, classes)
        self.output.put(self.name, lambda: self._told(rows, checked.result()))

    def _check(self, maps: np.ndarray, classes: np.ndarray) -> _Checked:
        explained = classes >= 0
        maps[~explained] = np.nan
        flat = maps.reshape(len(maps), -1)
        bad = explained & ~np.isfinite(flat).all(axis=1)
        maps[bad] = np.nan
        blank = int((flat == 0).all(axis=1).sum())
        finite = maps[explained & ~bad] if self.of_features else maps[:0]
        return _Checked(
            self.output.writers[self.name].packed(maps),
            np.flatnonzero(bad).tolist(),
            len(maps),
            blank,
            len(finite),
            int(is_uniform(finite).sum()) if len(finite) else 0,
            int(finite.reshape(len(finite), -1).any(axis=1).sum()) if len(finite) else 0,
        )

    def _told(self, rows: slice, checked: _Checked) -> Packed:
        for number in checked.bad:
            self.shard.warn(rows.start + number, f"{self.name} is not finite, NaN is stored")
        if checked.blank:
            log.warning("%s: %d of %d maps are zero everywhere", self.name, checked.blank, checked.count)
        self.finite += checked.finite
        self.uniform += checked.uniform
        self.nonzero += checked.nonzero
        return checked.packed

    def refuse_uniform(self) -> None:
        """End the job where none of the shard's maps on a feature map tells one place from another.

        Maps of zeros say that no place speaks for the class.

        Raises
        ------
        DataError
            Naming the layer.
        """
        if self.finite >= FEWEST_UNIFORM and self.uniform == self.finite and self.nonzero:
            raise DataError(
                f"models.{self.shard.model}: each of {self.finite} maps of {self.name} has the same value everywhere: "
                f"the output of layer {quoted(self.shard.target_layers)} does not tell one place from another; set "
                "target_layer to a layer before the pooling"
            )


def explain_shard(shard: Shard, name: str, target: str) -> None:
    """Compute the maps of one method, from the network."""
    from saliency.networks.runner import Runner

    runner = Runner(shard.config, shard.model, shard.target_layers, shard.layouts)
    explainer = runner.explainer([name])
    classes, array = shard.read(f"{target}/class"), f"{target}/{name}"

    def explain_batch(rows: slice, batch: Tensor, region: Tensor | None) -> np.ndarray:
        with explainer.forward_pass(batch, runner.ignore_lastlayer, region) as forward:
            return batch_maps(shard, [name], forward, {target: classes[rows]})[array]

    many = len(shard.plan.shards) > 1
    with ShardOutput(shard, [array]) as output:
        maps = MapsOutput(shard, array, output)
        samples = stored_samples(shard, runner, output.workers)
        for rows, found in runner.batches(name, samples, len(shard), explain_batch, shard.progress(name), many):
            maps.put(rows, found, classes[rows])
            output.flush()
        output.finish()
        maps.refuse_uniform()
        output.commit()


def combine_shard(shard: Shard, name: str, target: str) -> None:
    """Make the maps of one method from stored maps of others."""
    import torch

    torch.set_num_threads(shard.config["threads"])
    kind, settings, array = method(name), shard.plan.method_settings[name], f"{target}/{name}"
    size = shard.config["batch_size"]
    with ExitStack() as stack:
        readers = {part: stack.enter_context(shard.reader(f"{target}/{part}")) for part in kind.parts}
        output = stack.enter_context(ShardOutput(shard, [array]))

        def read(begin: int) -> dict[str, np.ndarray]:
            rows = range(begin, min(begin + size, len(shard)))
            return {part: reader.take(rows) for part, reader in readers.items()}

        for parts in output.workers.ahead(read, range(0, len(shard), size), 2):
            maps = kind.combine({part: torch.from_numpy(values) for part, values in parts.items()}, settings).numpy()
            output.put(array, output.workers.start(output.writers[array].packed, maps).result)
            output.flush()
        output.commit()
    log.info("%s: %d of %d samples", name, len(shard), len(shard))
