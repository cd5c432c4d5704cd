"""Decoding a shard's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from saliency.exceptions import InputError, Status
from saliency.experiment.arrays import stored_array
from saliency.experiment.config import input_config
from saliency.readers.samples import preprocessing_of, read_sample
from saliency.store.codec import Packed
from saliency.store.shard import Shard
from saliency.store.shard_output import ShardOutput

STEP = "prepare"
Made = TypeVar("Made")


@dataclass
class Decoded(Generic[Made]):
    """One sample.

    Attributes
    ----------
    status
        Whether it could be read.
    problem
        Why not, or "".
    made
        What was made of its arrays.
    packed
        The arrays, as they are stored.
    """

    status: Status
    problem: str
    made: Made
    packed: dict[str, Packed] = field(default_factory=dict)


def decoded_arrays(shard: Shard) -> list[str]:
    """The arrays that come from the files of the samples.

    ``inputs`` ``(n, c, *spatial)`` and ``status`` ``(n,)``, for volumes ``affine`` ``(n, 4, 4)``, and where scores are
    summed over masks ``region`` ``(n, *spatial)``. Failed samples have the array's fill value.
    """
    return [name for name in shard.specs if stored_array(name).step == STEP]


def decoded(
    shard: Shard, output: ShardOutput, make: Callable[[Mapping[str, np.ndarray]], Made]
) -> Iterator[Decoded[Made]]:
    """Decode the samples of a shard, in order, some of them before they are asked for.

    Parameters
    ----------
    shard
        Whose samples they are.
    output
        Gets their arrays.
    make
        Called with the arrays of each sample, by path in the store, in the thread that decodes it.
    """
    names = decoded_arrays(shard)
    preprocessing = preprocessing_of(input_config(shard.config, shard.model))

    def decode(files: Mapping[str, Path]) -> Decoded[Made]:
        arrays = {
            name: np.full(shard.specs[name].shape, stored_array(name).fill, shard.specs[name].dtype) for name in names
        }
        status, problem = Status.OK, ""
        try:
            for name, values in read_sample(preprocessing, files, "region" in arrays).items():
                arrays[name][...] = values
        except InputError as error:
            status, problem = error.status, str(error)
        arrays["status"][...] = status
        packed = {name: output.writers[name].packed(values[np.newaxis]) for name, values in arrays.items()}
        return Decoded(status, problem, make(arrays), packed)

    files = shard.plan.files(shard.rows, shard.model)
    for number, sample in enumerate(output.workers.ahead(decode, files, shard.plan.held)):
        if sample.problem:
            shard.warn(number, sample.problem)
        for name, packed in sample.packed.items():
            output.put(name, packed)
        yield sample


def prepare(shard: Shard) -> None:
    """Decode a shard's files into ``inputs`` and ``status``, where there are some also ``affine`` and ``region``."""
    tell = shard.progress(STEP)
    with ShardOutput(shard, decoded_arrays(shard)) as output:
        for number, _ in enumerate(decoded(shard, output, lambda arrays: None), start=1):
            if number % shard.config["batch_size"] == 0 or number == len(shard):
                output.flush()
                tell(number)
        output.commit()
