"""A glance at a model where nothing is known of it: whether it is right more often than chance."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from saliency.check.samples import labelled_rows
from saliency.exceptions import InputError
from saliency.experiment.config import input_config
from saliency.experiment.plan import Plan
from saliency.methods.scores import MULTILABEL, REGRESSION
from saliency.readers.samples import preprocessing_of, read_sample

if TYPE_CHECKING:
    from saliency.networks.runner import Runner

# Seconds after which no further sample is read, and what the job's memory has room for.
SECONDS, TOGETHER = 5, 2
# Fewer tell nothing, and of chance this many in a hundred would do better.
FEWEST, ALPHA = 16, 0.05


def chance_caution(plan: Plan, model: str, runner: Runner) -> str | None:
    """Look at a few labelled samples, for a few seconds.

    Parameters
    ----------
    plan
        The experiment.
    model
        Model name.
    runner
        Its network.

    Returns
    -------
    str or None
        What to warn of: no more samples are right than by chance. None where more are, or where too few could be
        looked at.
    """
    from saliency.methods.passes.forward_pass import predict

    if plan.labels_are != "class" or runner.settings["outputs"] in (MULTILABEL, REGRESSION):
        return None
    import torch

    rows, end = labelled_rows(plan), time.monotonic() + SECONDS
    preprocessing = preprocessing_of(input_config(plan.config, model))
    labels = plan.labels(plan.samples)
    right = seen = classes = 0
    for at in range(0, len(rows), TOGETHER):
        if time.monotonic() > end:
            break
        chosen, inputs = rows[at : at + TOGETHER], []
        try:
            for files in plan.files(plan.samples.iloc[chosen], model):
                inputs.append(read_sample(preprocessing, files)["inputs"])
        except InputError:  # reported where all are read; a rule may not have made it yet
            continue
        batch = torch.from_numpy(runner.normalised(np.stack(inputs))).to(runner.device, runner.dtype)
        scores = predict(runner.network, batch, runner.ignore_lastlayer, runner.reader)
        if scores.ndim > 2:
            return None
        classes = scores.shape[1]
        known = labels[chosen] < classes
        right += int((scores.argmax(1).cpu().numpy() == labels[chosen])[known].sum())
        seen += int(known.sum())
    if seen < FEWEST or classes < 2:
        return None
    from scipy import stats

    if stats.binom.sf(right - 1, seen, 1 / classes) < ALPHA:
        return None
    return (
        f"{right} of {seen} labelled samples are right, no more than by chance ({classes} classes): "
        "`python -m saliency check CONFIG` tries the usual causes, such as normalisation and the order of classes"
    )
