"""The samples on which a check of the audit runs a model again, and the model."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from saliency.exceptions import DataError
from saliency.experiment.config import Config
from saliency.experiment.descriptions import read_descriptions
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
    config
        The completed config, with the block `check` in ``audit``.
    model
        Model name.
    check
        "faithfulness" or "randomisation".
    files
        By array (its name, without the target): its files of the shards that
        hold the check's samples, in order.
    descriptions
        The model's JSON descriptions.

    Attributes
    ----------
    plan
        The experiment.
    runner
        The network, on its device.
    settings
        The config's ``audit.CHECK``.

    Raises
    ------
    DataError
        If the model has a score per pixel or voxel.
    """

    def __init__(
        self,
        config: Config,
        model: str,
        check: str,
        files: Mapping[str, Sequence[str | Path]],
        descriptions: Sequence[str | Path],
    ) -> None:
        found = read_descriptions(descriptions)
        if found["dense"]:
            raise DataError(
                f"audit.{check}: models.{model} has a score per pixel or voxel, but this check needs a classifier: set "
                f"audit.{check}: null"
            )
        self.plan, self.runner = Plan(config), Runner(config, model, found.get("target_layer"))
        self.model, self.settings = model, config["audit"][check]
        self.rows = Selection(self.plan).checked(check)
        self._specs = described_specs(self.plan, model, found)
        self._check, self._files = check, files

    def seed(self, row: int | None = None) -> int:
        """The audit's seed, or one that is made of it for a sample, whatever the other samples are."""
        seed: int = self.plan.config["audit"]["seed"]
        return seed if row is None else int(np.random.SeedSequence([seed, row]).generate_state(1)[0])

    def shards(self, arrays: Sequence[str]) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Rows ``(n,)`` in the manifest and arrays ``(n, …)`` by path in the store, one shard after the other."""
        numbers = self.rows // self.plan.shard_size
        for place, shard in enumerate(self.plan.shards_of(self.rows)):
            here = self.rows[numbers == shard]
            samples, positions = len(self.plan.rows(shard)), (here % self.plan.shard_size).tolist()
            found = {
                name: read_shard(
                    Path(self._files[name.rpartition("/")[2]][place]), samples, self._specs[name], positions
                )
                for name in arrays
            }
            yield here, found

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
                f"audit.{self._check}: none of the {chosen} chosen samples has a result: raise "
                f"audit.{self._check}.samples to choose more, or set audit.{self._check}: null"
            )
        log.info("%s: %d of %d samples have a result", self._check, used, chosen)
