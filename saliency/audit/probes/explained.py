"""The samples of a check that have a map of each method, one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.audit.probes.faithfulness import rankings


@dataclass(frozen=True)
class Explained:
    """One sample.

    Attributes
    ----------
    row
        In the manifest.
    id
        Of the sample.
    target_class
        The class that was explained.
    maps
        By method ``(1, *spatial)``: on the input's grid, of signed ones absolute values, summed over channels.
    arrays
        Further arrays of the store by name, ``(1, …)``.
    """

    row: int
    id: str
    target_class: int
    maps: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray]


def explained(samples: CheckedSamples, target: str, arrays: Sequence[str] = ()) -> Iterator[Explained]:
    """Read the samples of a check that have maps of a target, one at a time: memory does not grow with the methods.

    Parameters
    ----------
    samples
        Reads them.
    target
        Name of the target.
    arrays
        Names of further arrays of the store that are wanted.
    """
    ids = samples.plan.samples["id"].to_numpy()
    for row in samples.rows:
        one = np.array([row])
        _, (index,) = samples.read(f"{target}/class", one)
        # A class of -1 is none.
        if index < 0:
            continue
        stored = {name: samples.read(f"{target}/{name}", one)[1] for name in samples.plan.methods}
        if all(np.isfinite(values).all() for values in stored.values()):
            further = {name: samples.read(name, one)[1] for name in arrays}
            yield Explained(int(row), ids[row], int(index), rankings(stored, samples.spatial), further)
