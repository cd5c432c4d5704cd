"""Choosing the class that each sample is explained for."""

from __future__ import annotations

import numpy as np

from saliency.exceptions import DataError
from saliency.experiment.manifest import line_numbers
from saliency.experiment.messages import label_problem
from saliency.methods.scores import predicted_classes
from saliency.store.shard import Shard

RANKS = {"predicted": 0, "runner_up": 1}


def chosen_classes(shard: Shard, logits: np.ndarray, target: str, rows: slice) -> np.ndarray:
    """Class to explain in each sample, int64; -1 where there is none, for want of a label, a prediction or an input.

    Parameters
    ----------
    shard
        Whose samples they are.
    logits
        ``(b, classes)`` of some rows, NaN for failed samples.
    target
        Name of the target.
    rows
        Positions of the batch in the shard.

    Raises
    ------
    DataError
        If the model has no such class.
    """
    usable, count = np.isfinite(logits).all(axis=1), logits.shape[1]
    settings = shard.config["models"][shard.model]
    if target == "label" or target.startswith("label-"):
        classes = _labels(shard, target, rows)
        wrong = usable & (classes >= count)
        lines = line_numbers(shard.plan.manifest, len(shard.plan.samples)) if wrong.any() else []
        for number in np.flatnonzero(wrong):
            line = lines[shard.rows.index[rows.start + number]]
            shard.warn(rows.start + number, label_problem(shard.plan, classes[number], count, line))
        classes[wrong] = -1
    elif target.startswith(("class-", "value-")):
        kind, index = target.partition("-")[0], int(target.partition("-")[2])
        if index >= count:
            plural = "classes" if kind == "class" else "values"
            raise DataError(f"targets: {index}: is outside the model's {plural} 0 … {count - 1}")
        classes = np.full(len(logits), index)
    else:
        if RANKS[target] >= count:
            raise DataError(f"targets: target '{target}' needs a model with at least two classes")
        classes = predicted_classes(logits, RANKS[target], settings["outputs"], settings["threshold"])
    classes[~usable] = -1
    return classes


def _labels(shard: Shard, target: str, rows: slice) -> np.ndarray:
    """The label of each sample, or the class of the target where it is one of several."""
    samples = shard.rows.iloc[rows]
    if target == "label":
        return shard.plan.labels(samples)
    index = int(target.removeprefix("label-"))
    return np.array([index if index in (of or ()) else -1 for of in shard.plan.label_classes(samples)], dtype=np.int64)


def choose_classes(shard: Shard, target: str) -> None:
    """Store the class that each sample is explained for."""
    found = chosen_classes(shard, shard.read("logits"), target, slice(0, len(shard)))
    shard.write(f"{target}/class", found)
