"""What the results of a run follow from."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from saliency.config import Config
from saliency.descriptions import read_descriptions
from saliency.paths import file_sha256
from saliency.plan import Plan

PACKAGES = ("nip-saliency", "torch", "numpy", "zarr", "numcodecs", "pillow", "pandas", "snakemake")


def shard_digests(plan: Plan) -> dict[str, dict[str, str]]:
    """Digest of each shard, by model and by the shard's path in the store."""
    steps = {
        "inputs": "prepare",
        "status": "prepare",
        "affine": "prepare",
        "region": "prepare",
        "logits": "predict",
        "class": "target_class",
    }
    digests: dict[str, dict[str, str]] = {model: {} for model in plan.models}
    for model, found in digests.items():
        for array in plan.arrays:
            target, _, name = array.rpartition("/")
            for shard in plan.shards:
                step = steps.get(name, name)
                found[plan.shard_key(array, shard)] = plan.digest(step, model, shard, target or None)
    return digests


def provenance(config: Config, descriptions: Sequence[str | Path]) -> dict[str, object]:
    """Everything that the results follow from.

    Parameters
    ----------
    config
        The completed config.
    descriptions
        JSON descriptions, each in a folder that has the model's name.

    Returns
    -------
    dict
        ``config``, ``models`` (weights' SHA-256, target layer, …), ``digests`` of each shard, ``manifest_sha256``,
        ``versions`` and ``platform``.
    """
    plan = Plan(config)
    paths = [Path(path) for path in descriptions]
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "config": config,
        "manifest_sha256": file_sha256(plan.manifest),
        "models": {
            model: read_descriptions(path for path in paths if path.parent.name == model) for model in plan.models
        },
        "digests": shard_digests(plan),
        "versions": versions,
        "platform": platform.platform(),
    }
