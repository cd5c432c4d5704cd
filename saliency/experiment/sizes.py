"""How many samples a shard and a batch hold where the config does not say: what an ordinary computer has room for."""

import math

import numpy as np

from saliency.experiment.config import Config, input_shape

SHARD, BATCH = 256, 16
# Of the inputs of a shard of 256. More of them are laid out as with `shard_size: auto`.
SHARD_BYTES = 2**30
# Input values of a batch of 16. A network keeps a few hundred times as many bytes of them.
LARGEST_BATCH, SMALLER_BATCH = 2**24, 2**23


def fill_sizes(config: Config) -> None:
    """Put numbers where a complete config has none for ``shard_size`` and ``batch_size``.

    They follow from the config alone, so that every machine computes the same.

    Examples
    --------
    >>> volumes = {"mode": "3D", "channels": 1, "crop": [182, 218, 182]}
    >>> config = {"input": volumes, "models": {"network": {"input": {}}}, "precision": "float32"}
    >>> config |= {"shard_size": None, "batch_size": None}
    >>> fill_sizes(config)
    >>> config["shard_size"], config["batch_size"]
    ('auto', 1)
    """
    largest = max(math.prod(input_shape(config, model)) for model in config["models"])
    if config["shard_size"] is None:
        size = SHARD * largest * np.dtype(config["precision"]).itemsize
        config["shard_size"] = SHARD if size <= SHARD_BYTES else "auto"
    if config["batch_size"] is None:
        config["batch_size"] = BATCH if BATCH * largest <= LARGEST_BATCH else max(1, SMALLER_BATCH // largest)
