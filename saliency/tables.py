"""The table of predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.atomic_files import write_atomically
from saliency.config import Config, read_class_names
from saliency.descriptions import read_descriptions
from saliency.errors import LABEL_OUTSIDE, OUTPUT_NOT_FINITE
from saliency.inputs import Status
from saliency.plan import Plan
from saliency.shards import read_shard
from saliency.spreadsheet import csv_bytes
from saliency.store import plan_specs


def probabilities(scores: np.ndarray, outputs: str) -> np.ndarray:
    """Turn scores into probabilities.

    Parameters
    ----------
    scores
        ``(n, classes)``.
    outputs
        "logits" (softmax; the logistic function where there is one class), "probabilities" (as they are), or "sums"
        over the regions of a dense model, which have no probability.

    Returns
    -------
    ndarray
        ``(n, classes)``, NaN where the scores are, and everywhere for "sums".

    Examples
    --------
    >>> probabilities(np.array([[0.0, np.log(3)]]), "logits").round(2)
    array([[0.25, 0.75]])
    >>> probabilities(np.array([[0.0]]), "logits")
    array([[0.5]])
    """
    if outputs == "sums":
        return np.full(scores.shape, np.nan)
    if outputs == "probabilities":
        return scores
    scores = scores.astype(np.float64)
    # Failed samples are NaN and stay so; NumPy would warn of them.
    with np.errstate(invalid="ignore"):
        if scores.shape[1] == 1:
            return np.exp(-np.logaddexp(0, -scores))
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


def predictions_table(
    samples: pd.DataFrame,
    labels: np.ndarray,
    status: np.ndarray,
    logits: np.ndarray,
    class_names: Sequence[str] = (),
    outputs: str = "logits",
    label_explained: bool = False,
) -> pd.DataFrame:
    """One row per sample: what the network said, and what the manifest knows.

    Parameters
    ----------
    samples
        The manifest.
    labels, status
        ``(n,)``; a label of -1 is none.
    logits
        ``(n, classes)``, NaN for failed samples.
    class_names
        May be empty.
    outputs
        As in `probabilities`.
    label_explained
        Whether the class that ``label`` names is explained, and so has to be one of the model's.

    Returns
    -------
    DataFrame
        ``id, label, predicted_class, predicted_name, probability, correct, status``, then the manifest's other columns.
        With a single score per sample the predicted class is 1 from a probability of 0.5, else 0. ``probability`` is
        that of the predicted class.
    """
    shares = probabilities(logits, outputs)
    valid = np.isfinite(logits).all(axis=1)
    if logits.shape[1] == 1:
        predicted = (shares[:, 0] >= 0.5).astype(int)
        probability = np.where(predicted == 1, shares[:, 0], 1 - shares[:, 0])
    else:
        predicted = np.where(valid[:, np.newaxis], logits, -np.inf).argmax(axis=1)
        probability = shares[np.arange(len(shares)), predicted]
    known = labels >= 0
    outside = label_explained & valid & (labels >= logits.shape[1])
    reasons = [
        Status(value).reason or ("" if good else OUTPUT_NOT_FINITE) for value, good in zip(status, valid, strict=True)
    ]
    table = pd.DataFrame(
        {
            "id": samples["id"].to_numpy(),
            "label": pd.array(np.where(known, labels, 0), dtype="Int64"),
            "predicted_class": pd.array(predicted, dtype="Int64"),
            "predicted_name": [class_names[index] if index < len(class_names) else "" for index in predicted],
            "probability": probability,
            "correct": pd.array(predicted == labels, dtype="boolean"),
            "status": [reason or "ok" for reason in reasons],
        }
    )
    table.loc[~known, ["label", "correct"]] = pd.NA
    table.loc[~valid, ["predicted_class", "probability", "correct"]] = pd.NA
    table.loc[outside, "status"] = LABEL_OUTSIDE
    table.loc[outside, "correct"] = pd.NA
    table.loc[~valid, "predicted_name"] = ""
    further = samples.drop(columns=["id", "label"], errors="ignore").reset_index(drop=True)
    return pd.concat([table, further], axis=1)


def write_predictions(config: Config, model: str, store: Path, description: Path, output: Path) -> None:
    """Write ``predictions.csv`` of a model from its ``status`` and ``logits`` shards."""
    plan = Plan(config)
    specs = plan_specs(plan, model, [description])
    parts = {"status": [], "logits": []}
    for shard in plan.shards:
        for name, values in parts.items():
            values.append(read_shard(store / plan.shard_key(name, shard), len(plan.rows(shard)), specs[name]))
    settings = config["models"][model]
    table = predictions_table(
        plan.samples,
        plan.labels(plan.samples),
        np.concatenate(parts["status"]),
        np.concatenate(parts["logits"]),
        read_class_names(settings["class_names"]),
        "sums" if read_descriptions([description])["dense"] else settings["outputs"],
        "label" in plan.targets,
    )
    write_atomically(output, csv_bytes(table))
