"""The samples on which a check of the audit runs a model again, and the model."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from saliency.config import Config
from saliency.descriptions import read_descriptions
from saliency.log import DataError
from saliency.samples import normalised
from saliency.shard_job import ShardJob
from saliency.shards import read_shard

log = logging.getLogger(__name__)


class CheckedSamples:
    """Reads a check's samples out of the shards of a store, and builds the network.

    Parameters
    ----------
    config
        The completed config, with the block `check` in ``audit``.
    model
        Model name.
    check
        "faithfulness" or "randomisation".
    store
        The model's store.
    descriptions
        Its JSON descriptions.

    Attributes
    ----------
    plan
        The experiment.
    settings
        The config's ``audit.CHECK``.
    target_layer
        Of Grad-CAM; None where it is not computed.

    Raises
    ------
    DataError
        If the model has a score per pixel or voxel.
    """

    def __init__(self, config: Config, model: str, check: str, store: Path, descriptions: Sequence[str | Path]) -> None:
        if read_descriptions(descriptions)["dense"]:
            raise DataError(
                f"audit.{check}: is for classifiers, but models.{model} has a score per pixel or voxel, which is no "
                f"probability of a class: set audit.{check}: null where such models are explained"
            )
        # For the network, its device and the arrays' layout, which are the same for all shards.
        self._job = ShardJob(config, model, 0, {}, descriptions)
        self.plan, self.target_layer = self._job.plan, self._job.target_layer
        self.model, self.settings = model, config["audit"][check]
        self._check, self._store = check, store

    def network(self) -> nn.Module:
        """The network, on its device and in the configured precision."""
        return self._job.network()

    @property
    def device(self) -> str:
        """Name of the device to compute on."""
        return self._job.device

    def seed(self, row: int | None = None) -> int:
        """The audit's seed, or one that is made of it for a sample, whatever the other samples are."""
        seed = self.plan.config["audit"]["seed"]
        return seed if row is None else int(np.random.SeedSequence([seed, row]).generate_state(1)[0])

    def shards(self, arrays: Sequence[str]) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Rows ``(n,)`` in the manifest and arrays ``(n, …)`` by path in the store, one shard after the other."""
        rows = self.plan.checked(self._check)
        numbers = rows // self.plan.shard_size
        for shard in np.unique(numbers):
            here = rows[numbers == shard]
            samples, positions = len(self.plan.rows(shard)), here % self.plan.shard_size
            yield (
                here,
                {
                    name: read_shard(
                        self._store / self.plan.shard_key(name, shard), samples, self._job.specs[name], positions
                    )
                    for name in arrays
                },
            )

    def normalised(self, inputs: np.ndarray) -> np.ndarray:
        """What the network sees of ``inputs`` ``(n, c, *spatial)``."""
        return normalised(inputs, self.plan.config, self.model)

    def report(self, used: int) -> None:
        """Log how many samples are used.

        Raises
        ------
        DataError
            If there is none.
        """
        chosen = len(self.plan.checked(self._check))
        if used == 0:
            raise DataError(
                f"audit.{self._check}: none of the {chosen} chosen samples has a result: raise "
                f"audit.{self._check}.samples, or set audit.{self._check}: null"
            )
        log.info("%s: %d of %d samples have a result", self._check, used, chosen)
