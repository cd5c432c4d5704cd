"""Decoding a shard's files."""

from __future__ import annotations

import numpy as np

from saliency.exceptions import InputError
from saliency.experiment.arrays import stored_array
from saliency.experiment.config import input_config
from saliency.readers.samples import preprocessing_of, read_sample
from saliency.store.shard import Shard

STEP = "prepare"


def decoded(shard: Shard) -> dict[str, np.ndarray]:
    """Decode the samples of a shard.

    Returns
    -------
    dict
        ``inputs`` ``(n, c, *spatial)`` and ``status`` ``(n,)``, for volumes ``affine`` ``(n, 4, 4)``, and where
        scores are summed over masks ``region`` ``(n, *spatial)``. Failed samples have the array's fill value.
    """
    arrays = {}
    for name, spec in shard.specs.items():
        array = stored_array(name)
        if array.step == STEP:
            arrays[name] = np.full((len(shard), *spec.shape), array.fill, dtype=spec.dtype)
    preprocessing = preprocessing_of(input_config(shard.config, shard.model))
    tell = shard.progress(STEP)
    for number, files in enumerate(shard.plan.files(shard.rows, shard.model)):
        try:
            for name, values in read_sample(preprocessing, files, "region" in arrays).items():
                arrays[name][number] = values
        except InputError as error:
            arrays["status"][number] = error.status
            shard.warn(number, str(error))
        if (number + 1) % shard.config["batch_size"] == 0 or number + 1 == len(shard):
            tell(number + 1)
    return arrays


def prepare(shard: Shard) -> None:
    """Decode a shard's files into ``inputs`` and ``status``, where there are some also ``affine`` and ``region``."""
    for name, values in decoded(shard).items():
        shard.write(name, values)
