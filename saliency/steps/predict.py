"""Predicting a shard's samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import Status
from saliency.store.shard import Shard
from saliency.store.shard_output import ShardOutput
from saliency.workers import Workers

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor

    from saliency.networks.runner import Runner, Seen


def checked_logits(shard: Shard, scores: Tensor, ok: np.ndarray, rows: slice) -> np.ndarray:
    """Scores as they are stored: NaN for failed samples; others must be finite.

    Parameters
    ----------
    shard
        Whose samples they are.
    scores
        ``[b, classes]`` of some rows.
    ok
        ``(b,)``, bool: which of them could be read.
    rows
        Positions of the batch in the shard.

    Returns
    -------
    ndarray
        ``(b, classes)``. A sample whose scores are not finite is named in the log, and becomes NaN.
    """
    import torch

    values: np.ndarray = scores.to("cpu", getattr(torch, shard.config["precision"])).numpy().copy()
    values[~ok] = np.nan
    bad = ok & ~np.isfinite(values).all(axis=1)
    for number in np.flatnonzero(bad):
        shard.warn(rows.start + number, "the network's output is not finite")
    values[bad] = np.nan
    return values


def stored_samples(shard: Shard, runner: Runner, workers: Workers) -> Iterator[Seen]:
    """Samples of a shard that `saliency.steps.prepare` has stored, some of them read before they are asked for."""
    with ExitStack() as stack:
        inputs = stack.enter_context(shard.reader("inputs"))
        regions = stack.enter_context(shard.reader("region")) if "region" in shard.specs else None

        def read(row: int) -> Seen:
            return runner.seen(inputs[row], None if regions is None else regions[row])

        yield from workers.ahead(read, range(len(shard)), shard.plan.held)


def predict_shard(shard: Shard) -> None:
    """Store the network's scores as ``logits``."""
    from saliency.methods.passes.forward_pass import predict
    from saliency.networks.runner import Runner

    ok = shard.read("status") == Status.OK
    runner = Runner(shard.config, shard.model)
    network = runner.network

    def predict_batch(rows: slice, batch: Tensor, region: Tensor | None) -> np.ndarray:
        scores = runner.reader.sums(predict(network, batch, runner.ignore_lastlayer, runner.reader), region)
        return checked_logits(shard, scores, ok[rows], rows)

    what, many = "predict", len(shard.plan.shards) > 1
    with ShardOutput(shard, ["logits"]) as output:
        samples = stored_samples(shard, runner, output.workers)
        for _, logits in runner.batches(what, samples, len(shard), predict_batch, shard.progress(what), many):
            output.put("logits", output.writers["logits"].packed(logits))
            output.flush()
        output.commit()
