"""The table of predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.exceptions import DataError, Status
from saliency.experiment.config import Config, read_class_names
from saliency.experiment.descriptions import outputs_of, read_descriptions
from saliency.experiment.labels import classes_problem
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.scores import probabilities, ranked_classes
from saliency.steps.failures import LABEL_OUTSIDE, OUTPUT_NOT_FINITE
from saliency.steps.multilabel import SEVERAL, multilabel_table
from saliency.steps.regression import regression_table
from saliency.store.codec import read_shard
from saliency.store.layout import plan_specs


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
        ``probability`` is that of the predicted class.
    """
    shares = probabilities(logits, outputs)
    valid = np.isfinite(logits).all(axis=1)
    predicted = ranked_classes(logits, 0)
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


def read_predictions(path: Path) -> pd.DataFrame:
    """Read ``predictions.csv``; ids such as 001, 1e5 and nan stay what they are."""
    header = pd.read_csv(path, nrows=0)
    lists = ["label", *SEVERAL] if set(SEVERAL) <= set(header) else []
    table = pd.read_csv(path, converters=dict.fromkeys(["id", "status", *lists], str), dtype={"correct": "boolean"})
    # An empty list is none of the classes.
    return table.fillna(dict.fromkeys(lists, ""))


def write_predictions(
    config: Config,
    model: str,
    status: Sequence[str | Path],
    logits: Sequence[str | Path],
    description: Path,
    output: Path,
) -> None:
    """Write ``predictions.csv`` of a model.

    Parameters
    ----------
    config, model
        The completed config, and the name of a model.
    status, logits
        All shard files of both arrays, in the order of the shards.
    description
        ``model.json``.
    output
        The table.
    """
    plan = Plan(config)
    specs = plan_specs(plan, model, [description])

    def every(paths: Sequence[str | Path], name: str) -> np.ndarray:
        counts = [len(plan.rows(shard)) for shard in plan.shards]
        parts = [read_shard(Path(path), count, specs[name]) for path, count in zip(paths, counts, strict=True)]
        return np.concatenate(parts)

    labels, settings = plan.written_labels, plan.config["models"][model]
    if labels and (problem := classes_problem(model, labels.names, specs["logits"].shape[0])):
        raise DataError(problem)
    states, scores, names = every(status, "status"), every(logits, "logits"), read_class_names(settings["class_names"])
    explained = any(target == "label" or target.startswith("label-") for target in plan.targets)
    if plan.labels_are == "classes":
        table = multilabel_table(plan.samples, states, scores, names, settings["threshold"], explained)
    elif plan.labels_are == "numbers":
        table = regression_table(plan.samples, states, scores, names)
    else:
        outputs = outputs_of(read_descriptions([description]), settings)
        table = predictions_table(plan.samples, plan.labels(plan.samples), states, scores, names, outputs, explained)
    # Real values have any scale.
    write_atomically(output, csv_bytes(table, "%.9g" if plan.labels_are == "numbers" else "%.6f"))
