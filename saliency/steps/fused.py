"""All arrays of a shard in one job, from one forward pass for each batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import Status
from saliency.methods.registered import method
from saliency.steps.classes import chosen_classes
from saliency.steps.explain import MapsOutput, batch_maps
from saliency.steps.predict import checked_logits
from saliency.steps.prepare import decoded
from saliency.store.shard import Shard
from saliency.store.shard_output import ShardOutput

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor

    from saliency.networks.runner import Seen


def fused(shard: Shard) -> None:
    """Make all of a shard's arrays from one forward pass per batch."""
    from saliency.networks.runner import Runner

    runner = Runner(shard.config, shard.model, shard.target_layers, shard.layouts)
    # What is made from other maps is made on the CPU, of what this gives.
    explainer = runner.explainer([name for name in shard.plan.methods if not method(name).parts])
    ok = np.zeros(len(shard), dtype=bool)

    def seen(arrays: Mapping[str, np.ndarray]) -> Seen:
        return runner.seen(arrays["inputs"], arrays.get("region"))

    def samples(output: ShardOutput) -> Iterator[Seen]:
        for number, sample in enumerate(decoded(shard, output, seen)):
            ok[number] = sample.status == Status.OK
            yield sample.made

    def explain_batch(
        rows: slice, batch: Tensor, region: Tensor | None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        with explainer.forward_pass(batch, runner.ignore_lastlayer, region) as forward:
            logits = checked_logits(shard, forward.scores, ok[rows], rows)
            classes = {target: chosen_classes(shard, logits, target, rows) for target in shard.plan.targets}
            maps = batch_maps(shard, shard.plan.methods, forward, classes)
        return {"logits": logits} | {f"{target}/class": of for target, of in classes.items()}, maps

    what, many = "fused", len(shard.plan.shards) > 1
    with ShardOutput(shard, shard.specs) as output:
        maps = {
            f"{target}/{name}": MapsOutput(shard, f"{target}/{name}", output)
            for target in shard.plan.targets
            for name in shard.plan.methods
        }
        batches = runner.batches(what, samples(output), len(shard), explain_batch, shard.progress(what), many)
        for rows, (arrays, found) in batches:
            for name, values in arrays.items():
                output.put(name, output.writers[name].packed(values))
            for name, values in found.items():
                maps[name].put(rows, values, arrays[f"{name.rpartition('/')[0]}/class"])
            output.flush()
        output.finish()
        for of in maps.values():
            of.refuse_uniform()
        output.commit()
