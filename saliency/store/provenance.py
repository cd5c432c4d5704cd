"""What the results of a run follow from."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from saliency.experiment.arrays import stored_array
from saliency.experiment.config import Config
from saliency.experiment.descriptions import read_descriptions
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.remote_files import answers_file
from saliency.files.code_versions import code_of
from saliency.files.made_with import versions
from saliency.files.paths import file_sha256
from saliency.files.stores import recall

PACKAGES = ("nip-saliency", "torch", "numpy", "zarr", "numcodecs", "pillow", "pandas", "snakemake")


def shard_digests(plan: Plan) -> dict[str, dict[str, str]]:
    """Digest of each shard, by model and by the shard's path in the store."""
    digests = Digests(plan)
    found: dict[str, dict[str, str]] = {model: {} for model in plan.models}
    for model, of_model in found.items():
        for path in plan.arrays:
            target, array = path.rpartition("/")[0] or None, stored_array(path)
            for shard in plan.shards:
                of_model[plan.shard_key(path, shard)] = digests.of(array.step, model, shard, target)
    return found


def provenance(config: Config, descriptions: Sequence[Sequence[str | Path]]) -> dict[str, object]:
    """Everything that the results follow from.

    Parameters
    ----------
    config
        The completed config.
    descriptions
        Files of each kind of description, in the order of the models.

    Returns
    -------
    dict
        ``config``, ``models`` (weights' SHA-256, target layer, …), ``code`` of their networks, ``digests`` of each
        shard, ``manifest_sha256``, ``versions`` and ``platform``; ``root``, from the results to where Snakemake ran, if
        the results do not lie in ``results/EXPERIMENT`` there.
    """
    plan = Plan(config)
    # As the run was planned, also where a file was replaced since.
    recall(answers_file(config))
    of_models = zip(plan.models, zip(*descriptions, strict=True), strict=True)
    elsewhere = {"root": os.path.relpath(plan.root, plan.results)} if "results" in config else {}
    return {
        "config": config,
        **elsewhere,
        "manifest_sha256": file_sha256(plan.manifest),
        "models": {model: read_descriptions(paths) for model, paths in of_models},
        "code": {model: code_of(config["models"][model]["factory"], plan.root) for model in plan.models},
        "digests": shard_digests(plan),
        "versions": {"python": platform.python_version(), **versions(PACKAGES)},
        "platform": platform.platform(),
    }
