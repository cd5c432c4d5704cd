"""One shard of one model: its samples, and where its arrays lie.

Failed samples keep their place as NaN. Each is named in the log; whether the run may go on without them is decided in
`saliency.steps.failures`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from saliency.experiment.arrays import stored_array
from saliency.experiment.config import Config
from saliency.experiment.descriptions import described_layers, read_descriptions
from saliency.experiment.messages import name_problem
from saliency.experiment.plan import Plan
from saliency.store.codec import ShardReader, read_shard, write_shard
from saliency.store.layout import described_specs

log = logging.getLogger(__name__)


def files_by_path(
    files: Mapping[str, str | Path | Sequence[str | Path]], arrays: Sequence[str], targets: Sequence[str]
) -> dict[str, Path]:
    """Files of a shard by the array's path in the store.

    Parameters
    ----------
    files
        As of `Shard`.
    arrays
        Paths in the store; other names are left out.
    targets
        Names, in the order of the files of an array that there is for each of them.

    Examples
    --------
    >>> found = files_by_path({"status": "s", "class": ["a"]}, ["status", "predicted/class"], ["predicted"])
    >>> {path: str(file) for path, file in found.items()}
    {'status': 's', 'predicted/class': 'a'}
    """
    names = {path.rpartition("/")[2] for path in arrays}
    found: dict[str, Path] = {}
    for name, given in files.items():
        paths = [given] if isinstance(given, str | Path) else list(given)
        if name not in names or not paths:
            continue
        keys = [f"{target}/{name}" for target in targets] if stored_array(name).per_target else [name]
        found |= {key: Path(path) for key, path in zip(keys, paths, strict=True)}
    return found


class Shard:
    """One shard of one model.

    Parameters
    ----------
    config
        The completed config.
    model
        Model name.
    number
        Shard number.
    files
        The shard's files that the step reads or writes, by the array's name: of arrays that there are for each target a
        list in the order of the targets, or with `target` one file. Entries of other names do not count.
    descriptions
        The JSON files of `saliency.experiment.descriptions` that the step needs.
    target
        Name of the target that the step works on, None for all.

    Attributes
    ----------
    plan
        The experiment.
    rows
        The shard's samples, as in the manifest.
    specs
        Layout of each array, by path in the store.
    target_layers
        Names of the target layers, none where they are not known or not needed.
    layouts
        Of their outputs.
    """

    def __init__(
        self,
        config: Config,
        model: str,
        number: int,
        files: Mapping[str, str | Path | Sequence[str | Path]],
        descriptions: Sequence[str | Path] = (),
        target: str | None = None,
    ) -> None:
        self.plan = Plan(config)
        self.config, self.model, self.number = config, model, number
        self.rows = self.plan.rows(number)
        found = read_descriptions(descriptions)
        self.target_layers, self.layouts = described_layers(found)
        self.specs = described_specs(self.plan, model, found)
        self.files = files_by_path(files, self.plan.arrays, [target] if target else self.plan.targets)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.rows)

    def read(self, array: str) -> np.ndarray:
        """Values of this shard, ``(samples, …)``."""
        return read_shard(self.files[array], len(self), self.specs[array])

    def reader(self, array: str) -> ShardReader:
        """Reads values of this shard sample by sample."""
        return ShardReader(self.files[array], len(self), self.specs[array])

    def write(self, array: str, values: np.ndarray) -> None:
        """Put this shard's file in place."""
        write_shard(self.files[array], values, self.specs[array])

    def warn(self, position: int, problem: str) -> None:
        """Log what is wrong with a sample of this shard."""
        log.warning("%s", name_problem(self.plan, self.model, self.rows.index[position], problem))

    def progress(self, what: str) -> Callable[[int], None]:
        """Begin to count time; the function that is returned logs how many samples are done, and how fast."""
        started = time.perf_counter()

        def tell(done: int) -> None:
            rate = done / (time.perf_counter() - started)
            log.info("%s: %d of %d samples, %.1f samples/s", what, done, len(self), rate)

        return tell
