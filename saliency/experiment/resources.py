"""What a job asks a cluster's scheduler for: memory and time, estimated from the config before anything has run.

What each step costs stands in `steps`, and of a method in its class. Where a network needs more, the next attempt asks
for more.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saliency.experiment.arrays import CHUNK_BYTES
from saliency.experiment.checks import checks
from saliency.experiment.config import Config, input_config
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.experiment.steps import step
from saliency.files.network_files import stored_in
from saliency.files.paths import is_file, resolve
from saliency.files.weights_files import weights_files
from saliency.methods.registered import method

# MB of a job without data: the two Snakemake processes around it, and Python with NumPy and Zarr.
BASE_MB = 800
# Further MB where torch is imported, which jobs without a network mostly do without, and where a network is built.
TORCH_MB = 600
NETWORK_MB = 300
# Further MB of matplotlib and its figures.
FIGURES_MB = 100
# MB and core seconds for each sample of the whole manifest, in jobs that make tables or findings of all of them
# (`python -m tests.benchmarks.audit_scale 1000 10000`).
TABLE_MB = 0.01
TABLE_SECONDS = 0.002
# MB for each sample of a shard, of the arrays that are small enough to be whole in memory: scores, classes, Grad-CAM.
WHOLE_MB = 0.015
# Core seconds to draw one sample.
FIGURE_SECONDS = 5
# Where the kernel lists graphics cards.
DEVICES = Path("/dev")
# To look at some samples where an accuracy is expected; more than `saliency.check.accuracy.SECONDS`.
EXPECT_SECONDS = 1200
# Minutes of a job that does next to nothing: Python starts slowly on a busy file system.
BASE_MINUTES = 10


def memory_mb(plan: Plan, name: str, model: str) -> int:
    """Memory of a job, in MB.

    Parameters
    ----------
    plan
        The experiment.
    name
        Of the step, that of the job's rule.
    model
        Model name.

    Raises
    ------
    ValueError
        If there is no such step.
    """
    cost = step(name)
    sample_mb = plan.sample_values(model) * np.dtype(plan.config["precision"]).itemsize / 1e6
    of_targets = cost.copies_per_target * len(plan.targets)
    if name == "fused":
        of_targets *= sum(method(of).grid == "input" for of in plan.methods)
    copies = cost.shard_copies + of_targets + cost.copies_per_method * len(plan.methods)
    samples = plan.largest_shard * (len(plan.labelled_shards(model)) if name == "train" else 1)
    at_hand = {"batches": min(samples, plan.config["batch_size"] + plan.held), "shard": samples, "sample": 1}
    inputs = input_config(plan.config, model)
    # What a user's own code imports is not known.
    torch = cost.torch or (name == "prepare" and bool(inputs.get("transform") or inputs.get("dataset")))
    needed = BASE_MB + torch * TORCH_MB + cost.draws * FIGURES_MB + copies * sample_mb * at_hand[cost.at_hand]
    if copies:
        needed += WHOLE_MB * plan.largest_shard
        if sample_mb * 1e6 < CHUNK_BYTES:
            # Such arrays are one chunk of a file, which is made in the end.
            needed += (4 + of_targets) * sample_mb * plan.largest_shard
    if cost.whole_manifest:
        needed += TABLE_MB * len(plan.samples)
    if name in checks():
        settings, checked = plan.config["audit"][name], len(Selection(plan).checked(name))
        needed += checks()[name].held(settings, checked) * sample_mb
    batch_copies = cost.batch_copies
    if name == "fused":
        batch_copies = max([batch_copies, *(method(of).cost.batch_copies for of in plan.methods)])
    if batch_copies:
        # Layers are searched with two samples; what a model is expected to do is looked at in batches.
        alone = name == "find_target_layer" or (name == "inspect_model" and not plan.config["models"][model]["expect"])
        batch = min(2, plan.config["batch_size"]) if alone else plan.config["batch_size"]
        if name == "train":
            batch = plan.config["models"][model]["train"]["batch_size"]
        # Checks fill their batches with changed copies of each sample.
        held = batch if name in checks() else min(batch, samples)
        needed += NETWORK_MB + 2 * _weights_mb(plan, model) + batch_copies * sample_mb * held
    return math.ceil(needed)


def minutes(plan: Plan, name: str, model: str) -> int:
    """Time of a job, in minutes, on one core; parameters as of `memory_mb`."""
    cost, samples = step(name), plan.largest_shard
    repeats = 1
    seconds_each = cost.seconds
    passes = {of: method(of).passes(plan.method_settings[of], plan.ndim) for of in plan.methods}
    if name == "fused":
        repeats = len(plan.targets)
        seconds_each = _seconds_of_all(plan, seconds_each)
    elif name in passes:
        seconds_each *= passes[name]
    elif name == "train":
        repeats = plan.config["models"][model]["train"]["epochs"] * len(plan.labelled_shards(model))
    elif name in checks():
        settings, checked = plan.config["audit"][name], len(Selection(plan).checked(name))
        samples = checks()[name].evaluations(settings, plan.methods, checked, plan.sample_values(model))
        if checks()[name].explains:
            seconds_each = _seconds_of_all(plan, seconds_each)
    seconds = seconds_each * samples * plan.sample_values(model) / 1e6 * repeats
    if name == "plot":
        seconds = FIGURE_SECONDS * len(Selection(plan).chosen)
    if cost.whole_manifest:
        seconds = TABLE_SECONDS * len(plan.samples)
    if name == "inspect_model" and plan.config["models"][model]["expect"]:
        seconds = EXPECT_SECONDS
    return BASE_MINUTES + math.ceil(seconds / 60)


def _seconds_of_all(plan: Plan, least: float) -> float:
    """Of the maps of all methods, which share their first pass."""
    each = [(method(of).cost.seconds, method(of).passes(plan.method_settings[of], plan.ndim)) for of in plan.methods]
    return max([least, *(seconds for seconds, _ in each)]) + sum(seconds * (passes - 1) for seconds, passes in each)


def gpus(config: Config) -> int:
    """How many GPUs a job that runs a network asks for: one, if it will compute on one.

    With ``device: auto`` that is so where this machine has one. What a cluster's nodes have is not known here.

    Examples
    --------
    >>> gpus({"device": "cpu"}), gpus({"device": "cuda:1"})
    (0, 1)
    """
    # torch would take seconds to say it.
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    found = any(DEVICES.glob("nvidia[0-9]*")) and not hidden
    return int(found if config["device"] == "auto" else config["device"] != "cpu")


def largest_job(plan: Plan, model: str) -> tuple[str, int]:
    """The job that asks for most memory on the way to a model's maps: its rule's name, and MB."""
    names = ["fused"] if plan.config["execution"] == "fused" else ["predict", *plan.methods, "prepare"]
    names += ["train"] if plan.config["models"][model]["train"] else []
    needed = {name: memory_mb(plan, name, model) for name in names}
    worst = max(names, key=lambda name: needed[name])
    return worst, needed[worst]


def memory_cautions(plan: Plan, available: float, models: Sequence[str] | None = None) -> list[str]:
    """Say of each model which of its jobs asks for more memory than there is; the largest, in one line.

    Parameters
    ----------
    plan
        The experiment.
    available
        Of this machine, in MB.
    models
        Names; None for all.
    """
    cautions = []
    for model in plan.models if models is None else models:
        worst, needed = largest_job(plan, model)
        if needed <= available:
            continue
        batch = plan.config["batch_size"]
        smaller = [f"batch_size below {batch}"] if batch > 1 else []
        if step(worst).at_hand == "shard" and plan.largest_shard > 1:
            smaller += [f"shard_size below {plan.largest_shard}"]
        cautions.append(
            f"models.{model}: a job of rule {worst} may take up to {needed / 1000:.0f} GB, and this machine has "
            f"{available / 1000:.0f} GB: set {' or '.join(smaller) or 'a smaller input.crop'}, unless jobs run on "
            "larger machines"
        )
    return cautions


def _weights_mb(plan: Plan, model: str) -> float:
    settings = plan.config["models"][model]
    weights = stored_in(settings["factory"], settings["weights"])
    path = resolve(weights, plan.root) if weights else None
    files = weights_files(path) if path else []
    return sum(file.stat().st_size for file in files if is_file(file)) / 1e6
