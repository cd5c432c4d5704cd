"""Reading a few samples before a run, with their labels where there are some."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from saliency.exceptions import DataError, InputError
from saliency.experiment.config import input_config
from saliency.experiment.plan import Plan
from saliency.readers.samples import preprocessing_of, read_sample

# Enough to tell 70 % from 88 %.
COUNT = 64


@dataclass(frozen=True)
class Drawn:
    """Samples that could be read.

    Attributes
    ----------
    inputs
        ``(n, c, *spatial)``, float32, before normalisation.
    labels
        ``(n,)``: classes, -1 where they are not known.
    problems
        One line for each sample that could not be read.
    seconds
        For reading one.
    """

    inputs: np.ndarray
    labels: np.ndarray
    problems: list[str]
    seconds: float


def labelled_rows(plan: Plan, count: int = COUNT) -> np.ndarray:
    """Rows of the manifest that have a class as their label, drawn at random, the same ones each time."""
    labels = plan.labels(plan.samples)
    order = np.random.default_rng(0).permutation(len(labels))
    return order[labels[order] >= 0][:count]


def draw(plan: Plan, model: str, count: int = COUNT) -> Drawn:
    """Read samples that are drawn at random, the same ones each time; those with a label come first.

    Parameters
    ----------
    plan
        The experiment.
    model
        For whose network.
    count
        How many, at most.

    Raises
    ------
    DataError
        If none of them can be read.
    """
    labels = plan.labels(plan.samples) if plan.labels_are == "class" else np.full(len(plan.samples), -1)
    order = np.random.default_rng(0).permutation(len(labels))
    chosen = order[np.argsort(labels[order] < 0, kind="stable")][:count]
    preprocessing = preprocessing_of(input_config(plan.config, model))
    inputs, found, problems, started = [], [], [], time.perf_counter()
    rows = plan.samples.iloc[chosen]
    for row, name, files in zip(chosen, rows["id"], plan.files(rows, model), strict=True):
        try:
            inputs.append(read_sample(preprocessing, files)["inputs"])
            found.append(labels[row])
        except InputError as error:
            problems.append(f"sample '{name}': {error}")
    seconds = (time.perf_counter() - started) / len(chosen)
    if not inputs:
        raise DataError("\n".join([*problems[:10], f"none of {len(chosen)} samples can be read"]))
    return Drawn(np.stack(inputs), np.array(found), problems, seconds)
