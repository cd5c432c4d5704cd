"""The steps of the workflow, each for one shard; and all of them at once, from one forward pass per batch.

Each function reads and writes shard files only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from saliency.inputs import Status
from saliency.shard_job import ShardJob

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor, nn

    from saliency.explainer import Explainer

log = logging.getLogger(__name__)


def prepare(job: ShardJob) -> None:
    """Decode a shard's files into ``inputs``, ``status``, and for volumes ``affine``."""
    for name, values in job.prepare().items():
        job.write(name, values)


def predict_shard(job: ShardJob) -> None:
    """Store the network's scores as ``logits``."""
    from saliency.explainer import predict
    from saliency.targets import class_scores

    inputs, ok = job.read("inputs"), job.read("status") == Status.OK
    network = job.network()
    arrays: dict[str, np.ndarray] = {}

    def predict_batch(rows: slice, batch: Tensor, region: Tensor | None) -> None:
        scores = class_scores(predict(network, batch, job.ignore_lastlayer), region)
        job.put(arrays, "logits", rows, job.logits(scores, ok, rows))

    job.for_each_batch("predict", inputs, job.read_regions(), predict_batch)
    job.write("logits", arrays["logits"])


def target_class(job: ShardJob, target: str) -> None:
    """Choose the class that each sample is explained for."""
    job.write(f"{target}/class", job.classes(job.read("logits"), target, slice(0, len(job.rows))))


def method_explainer(job: ShardJob, method: str, network: nn.Module) -> Explainer:
    """Build the explainer of a method for the configured layer and sections."""
    from saliency.gradcam import GradCAM
    from saliency.guided_backprop import GuidedBackprop
    from saliency.guided_gradcam import GuidedGradCAM

    sections = job.config["models"][job.model]["section_names"]
    if method == "guided_backprop":
        return GuidedBackprop(network, sections)
    return {"gradcam": GradCAM, "guided_gradcam": GuidedGradCAM}[method](network, job.target_layer, sections)


def explain_shard(job: ShardJob, method: str, target: str) -> None:
    """Compute Grad-CAM or guided backpropagation of one target."""
    explainer = method_explainer(job, method, job.network())
    classes = {target: job.read(f"{target}/class")}
    maps = job.explain(explainer, job.read("inputs"), job.read_regions(), classes)
    job.write(f"{target}/{method}", maps[f"{target}/{method}"])


def multiply_shard(job: ShardJob, target: str) -> None:
    """Multiply stored guided backpropagation with stored Grad-CAM."""
    import torch

    from saliency.guided_gradcam import guided_product

    torch.set_num_threads(job.config["threads"])
    guided, cam = job.read(f"{target}/guided_backprop"), job.read(f"{target}/gradcam")
    size = job.config["batch_size"]
    product = [
        guided_product(torch.from_numpy(guided[at : at + size]), torch.from_numpy(cam[at : at + size])).numpy()
        for at in range(0, len(guided), size)
    ]
    job.write(f"{target}/guided_gradcam", np.concatenate(product))
    log.info("guided_gradcam: %d of %d samples", len(guided), len(guided))


def fused(job: ShardJob) -> None:
    """Make all of a shard's arrays from one forward pass per batch."""
    prepared = job.prepare()
    ok = prepared["status"] == Status.OK
    network = job.network()
    methods = job.plan.methods
    explainer = method_explainer(job, methods[0] if len(methods) == 1 else "guided_gradcam", network)
    arrays = dict(prepared)

    def explain_batch(rows: slice, batch: Tensor, region: Tensor | None) -> None:
        with explainer.forward_pass(batch, job.ignore_lastlayer, region) as forward:
            logits = job.logits(forward.scores, ok, rows)
            classes = {target: job.classes(logits, target, rows) for target in job.plan.targets}
            job.collect(arrays, forward, classes, rows)
        job.put(arrays, "logits", rows, logits)
        for target, values in classes.items():
            job.put(arrays, f"{target}/class", rows, values)

    job.for_each_batch("fused", prepared["inputs"], prepared.get("region"), explain_batch)
    for name in job.specs:
        job.write(name, arrays[name])
