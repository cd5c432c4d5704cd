"""The samples on which a check of the audit runs a model again, and the model."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from saliency.audit.checks.check import CheckJob
from saliency.exceptions import DataError
from saliency.experiment.descriptions import described_layers, read_descriptions
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.networks.runner import Runner
from saliency.store.codec import read_shard
from saliency.store.layout import described_specs

log = logging.getLogger(__name__)


class CheckedSamples:
    """Reads a check's samples out of the shards of a store, and knows the network.

    Parameters
    ----------
    job
        What to read, and where it lies.
    check
        Name of the check.

    Attributes
    ----------
    plan
        The experiment.
    runner
        The network, on its device.
    settings
        The config's ``audit.CHECK``.
    spatial
        Shape of inputs.

    Raises
    ------
    DataError
        If the model has a score per pixel or voxel.
    """

    def __init__(self, job: CheckJob, check: str) -> None:
        found = read_descriptions(job.descriptions)
        if found["dense"]:
            raise DataError(
                f"audit.{check}: models.{job.model} has a score per pixel or voxel, but this check needs a classifier: "
                f"set audit.{check}: null"
            )
        self.plan, self.runner = Plan(job.config), Runner(job.config, job.model, *described_layers(found))
        self.model, self.settings = job.model, job.config["audit"][check]
        self.rows = Selection(self.plan).checked(check)
        self._specs = described_specs(self.plan, job.model, found)
        self.spatial = self._specs["inputs"].shape[1:]
        self.check, self._files = check, job.files
        self._places = {shard: place for place, shard in enumerate(self.plan.shards_of(self.rows))}

    def seed(self, row: int | None = None) -> int:
        """The audit's seed, or one that is made of it for a sample, whatever the other samples are."""
        seed: int = self.plan.config["audit"]["seed"]
        return seed if row is None else int(np.random.SeedSequence([seed, row]).generate_state(1)[0])

    def shards(self, arrays: Sequence[str]) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Rows ``(n,)`` in the manifest and arrays ``(n, …)`` by path in the store, one shard after the other."""
        for shard in self.plan.shards_of(self.rows):
            here = self.rows[self.rows // self.plan.shard_size == shard]
            yield here, {name: self._read(name, shard, here) for name in arrays}

    def read(self, array: str, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Rows ``(n,)``, sorted, and what an array ``(n, …)`` has of them; all of the check's rows unless given."""
        rows = self.rows if rows is None else np.sort(rows)
        shards = self.plan.shards_of(rows)
        parts = [self._read(array, shard, rows[rows // self.plan.shard_size == shard]) for shard in shards]
        return rows, np.concatenate(parts)

    def _read(self, array: str, shard: int, rows: np.ndarray) -> np.ndarray:
        place = self._places[shard]
        path = Path(self._files[array.rpartition("/")[2]][place])
        positions = (rows % self.plan.shard_size).tolist()
        return read_shard(path, len(self.plan.rows(shard)), self._specs[array], positions)

    def report(self, used: int) -> None:
        """Log how many samples are used.

        Raises
        ------
        DataError
            If there is none.
        """
        chosen = len(self.rows)
        if used == 0:
            raise DataError(
                f"audit.{self.check}: none of the {chosen} chosen samples has a result: raise "
                f"audit.{self.check}.samples to choose more, or set audit.{self.check}: null"
            )
        log.info("%s: %d of %d samples have a result", self.check, used, chosen)
