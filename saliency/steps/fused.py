"""All arrays of a shard in one job, from one forward pass for each batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency.exceptions import Status
from saliency.methods.registered import method
from saliency.steps.classes import chosen_classes
from saliency.steps.explain import collect_maps, refuse_uniform
from saliency.steps.predict import checked_logits
from saliency.steps.prepare import decoded
from saliency.store.shard import Shard

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor


def fused(shard: Shard) -> None:
    """Make all of a shard's arrays from one forward pass per batch."""
    from saliency.networks.runner import Runner

    arrays = decoded(shard)
    inputs, regions, ok = arrays["inputs"], arrays.get("region"), arrays["status"] == Status.OK
    runner = Runner(shard.config, shard.model, shard.target_layer, shard.layout)
    # What is made from other maps is made on the CPU, of what this gives.
    explainer = runner.explainer([name for name in shard.plan.methods if not method(name).parts])

    def explain_batch(rows: slice, batch: Tensor, region: Tensor | None) -> None:
        with explainer.forward_pass(batch, runner.ignore_lastlayer, region) as forward:
            logits = checked_logits(shard, forward.scores, ok, rows)
            classes = {target: chosen_classes(shard, logits, target, rows) for target in shard.plan.targets}
            collect_maps(shard, shard.plan.methods, arrays, forward, classes, rows)
        shard.put(arrays, "logits", rows, logits)
        for target, values in classes.items():
            shard.put(arrays, f"{target}/class", rows, values)

    what, many = "fused", len(shard.plan.shards) > 1
    runner.for_each_batch(what, inputs, regions, explain_batch, shard.progress(what), many)
    for target in shard.plan.targets:
        for name in shard.plan.methods:
            refuse_uniform(shard, f"{target}/{name}", arrays[f"{target}/{name}"])
    for name in shard.specs:
        shard.write(name, arrays[name])
