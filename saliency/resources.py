"""What a job asks a cluster's scheduler for: memory and time, estimated from the config before anything has run.

The constants are bounds, rounded up, on what ``pytest -m slow tests/test_resources.py -s -n 0`` measures. Where a
network needs more, the next attempt asks for more.
"""

import math
from pathlib import Path

import numpy as np

from saliency.paths import is_file, resolve
from saliency.plan import Plan

# MB of a job without data: the two Snakemake processes around it, and Python with NumPy and Zarr.
BASE_MB = 800
# Further MB where torch is imported, which jobs without a network mostly do without, and where a network is built.
TORCH_MB = 600
NETWORK_MB = 300
# Arrays of a shard's size that a job holds, encoding included; `fused` holds two more for each target.
SHARD_COPIES = {
    "prepare": 3,
    "train": 3,
    "predict": 3,
    "gradcam": 3,
    "guided_backprop": 4,
    "guided_gradcam": 6,
    "fused": 4,
    "measure": 3,
    "plot": 2,
    "contact_sheets": 2,
    "export": 2,
    "faithfulness": 4,
    "randomisation": 1,
    "sprites": 2,
}
# Arrays of a sample's size that the randomisation test holds for each sample, most of all where there is one channel.
RANDOMISATION_COPIES = 40
# What a forward pass keeps, as a multiple of its batch.
BATCH_COPIES = {
    "inspect_model": 300,
    "find_target_layer": 300,
    "predict": 150,
    "train": 300,
    "gradcam": 150,
    "guided_backprop": 300,
    "fused": 300,
    "faithfulness": 150,
    "randomisation": 300,
}
# Core seconds for a million input values; of `fused` for each target, of `train` for each epoch, of `faithfulness` for
# each image that is predicted, of `randomisation` for each layer.
SECONDS = {
    "prepare": 5,
    "train": 10,
    "predict": 10,
    "gradcam": 10,
    "guided_backprop": 30,
    "guided_gradcam": 1,
    "fused": 30,
    "measure": 1,
    "faithfulness": 10,
    "randomisation": 30,
    "sprites": 2,
}
# Layers of a network, where the config leaves it to the randomisation test to find them.
LAYERS = 100
# MB and core seconds for each sample of the whole manifest, in jobs that make tables or findings of all of them
# (`python -m tests.benchmarks.audit_scale 1000 10000`).
TABLES = ("predictions", "audit")
TABLE_MB = 0.01
TABLE_SECONDS = 0.002
# Core seconds to draw one sample.
FIGURE_SECONDS = 5
# Minutes of a job that does next to nothing: Python starts slowly on a busy file system.
BASE_MINUTES = 10


def memory_mb(plan: Plan, step: str, model: str) -> int:
    """Memory of a job, in MB.

    Parameters
    ----------
    plan
        The experiment.
    step
        Name of the job's rule.
    model
        Model name.
    """
    sample_mb = plan.sample_values(model) * np.dtype(plan.config["precision"]).itemsize / 1e6
    copies = SHARD_COPIES.get(step, 0) + (2 * len(plan.targets) if step in ("fused", "measure") else 0)
    samples = plan.shard_size * (len(plan.labelled_shards(model)) if step == "train" else 1)
    needed = BASE_MB + (step != "predictions") * TORCH_MB + copies * sample_mb * samples
    if step in TABLES:
        needed += TABLE_MB * len(plan.samples)
    if step == "randomisation":
        needed += RANDOMISATION_COPIES * sample_mb * len(plan.checked(step))
    if step in BATCH_COPIES:
        batch = 1 if step in ("inspect_model", "find_target_layer") else plan.config["batch_size"]
        if step == "train":
            batch = plan.config["models"][model]["train"]["batch_size"]
        needed += NETWORK_MB + 2 * _weights_mb(plan, model) + BATCH_COPIES[step] * sample_mb * batch
    return math.ceil(needed)


def minutes(plan: Plan, step: str, model: str) -> int:
    """Time of a job, in minutes, on one core; parameters as of `memory_mb`."""
    if step == "plot":
        seconds = FIGURE_SECONDS * len(plan.chosen)
    elif step in TABLES:
        seconds = TABLE_SECONDS * len(plan.samples)
    else:
        checks = step in ("faithfulness", "randomisation")
        samples = len(plan.checked(step)) if checks else plan.shard_size
        values = samples * plan.sample_values(model)
        repeats = len(plan.targets) if step == "fused" else 1
        if checks:
            repeats = _check_repeats(plan, step)
        if step == "train":
            repeats = plan.config["models"][model]["train"]["epochs"] * len(plan.labelled_shards(model))
        seconds = SECONDS.get(step, 0) * values / 1e6 * repeats
    return BASE_MINUTES + math.ceil(seconds / 60)


def _check_repeats(plan: Plan, check: str) -> int:
    """How often a check runs the model on each sample."""
    settings = plan.config["audit"][check]
    if check == "randomisation":
        return 1 + (LAYERS if settings["layers"] is None else len(settings["layers"]))
    # Of all methods and of the random order, one curve each way.
    return len(settings["baselines"]) * (len(plan.methods) + 1) * 2 * settings["steps"]


def _weights_mb(plan: Plan, model: str) -> float:
    weights = plan.config["models"][model]["weights"]
    path = resolve(weights, Path()) if weights else None
    return path.stat().st_size / 1e6 if path and is_file(path) else 0
