"""Shards in a folder, without Snakemake."""

from pathlib import Path

from saliency.experiment.plan import Plan
from saliency.methods.registered import method
from saliency.networks.describe import write_descriptions
from saliency.steps.classes import choose_classes
from saliency.steps.explain import combine_shard, explain_shard
from saliency.steps.fused import fused
from saliency.steps.predict import predict_shard
from saliency.steps.prepare import prepare
from saliency.store.shard import Shard


def stored_shard(config, model, number, store, descriptions=()):
    """A shard whose files lie in a store's folder, each under its own name."""
    shard = Shard(config, model, number, {}, list(descriptions))
    shard.files = {path: Path(store) / shard.plan.shard_key(path, number) for path in shard.plan.arrays}
    return shard


def fused_store(config, model, store, folder):
    """All shards of a model, as fused jobs make them, and its descriptions in a folder; their paths."""
    descriptions = [folder / "model.json", folder / "target_layer.json"]
    write_descriptions(config, model, dict(zip(("model", "target_layer"), descriptions, strict=True)))
    for number in Plan(config).shards:
        fused(stored_shard(config, model, number, store, descriptions))
    return descriptions


def files_of_shards(plan, store, target, shards=None):
    """Files of each array by its name, in the order of the shards, as rules hand them to a job on one target."""
    paths = [path for path in plan.arrays if "/" not in path or path.startswith(f"{target}/")]
    numbers = plan.shards if shards is None else shards
    return {
        path.rpartition("/")[2]: [Path(store) / plan.shard_key(path, number) for number in numbers] for path in paths
    }


def run_steps(shard):
    """Every step of a shard, one after the other."""
    prepare(shard)
    predict_shard(shard)
    for target in shard.plan.targets:
        choose_classes(shard, target)
        for name in shard.plan.methods:
            make = combine_shard if method(name).parts else explain_shard
            make(shard, name, target)
