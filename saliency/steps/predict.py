"""Predicting a shard's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import Status
from saliency.store.shard import Shard

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor


def checked_logits(shard: Shard, scores: Tensor, ok: np.ndarray, rows: slice) -> np.ndarray:
    """Scores as they are stored: NaN for failed samples; others must be finite.

    Parameters
    ----------
    shard
        Whose samples they are.
    scores
        ``[b, classes]`` of some rows.
    ok
        ``(n,)``, bool: which samples of the shard could be read.
    rows
        Positions of the batch in the shard.

    Returns
    -------
    ndarray
        ``(b, classes)``. A sample whose scores are not finite is named in the log, and becomes NaN.
    """
    import torch

    values: np.ndarray = scores.to("cpu", getattr(torch, shard.config["precision"])).numpy().copy()
    values[~ok[rows]] = np.nan
    bad = ok[rows] & ~np.isfinite(values).all(axis=1)
    for number in np.flatnonzero(bad):
        shard.warn(rows.start + number, "the network's output is not finite")
    values[bad] = np.nan
    return values


def predict_shard(shard: Shard) -> None:
    """Store the network's scores as ``logits``."""
    from saliency.methods.passes.forward_pass import predict
    from saliency.networks.runner import Runner

    inputs, ok = shard.read("inputs"), shard.read("status") == Status.OK
    runner = Runner(shard.config, shard.model)
    network = runner.network
    arrays: dict[str, np.ndarray] = {}

    def predict_batch(rows: slice, batch: Tensor, region: Tensor | None) -> None:
        scores = runner.reader.sums(predict(network, batch, runner.ignore_lastlayer, runner.reader), region)
        shard.put(arrays, "logits", rows, checked_logits(shard, scores, ok, rows))

    what, many = "predict", len(shard.plan.shards) > 1
    runner.for_each_batch(what, inputs, shard.read_regions(), predict_batch, shard.progress(what), many)
    shard.write("logits", arrays["logits"])
