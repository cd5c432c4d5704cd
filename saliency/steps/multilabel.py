"""The table of predictions where a sample can be of several classes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from saliency.exceptions import Status
from saliency.experiment.columns import FURTHER_COLUMNS
from saliency.experiment.outputs import label_classes
from saliency.methods.scores import MULTILABEL, predicted_classes, probabilities, said_classes
from saliency.steps.failures import LABEL_OUTSIDE, OUTPUT_NOT_FINITE

# Columns of the table that one with a single class per sample does not have.
SEVERAL = FURTHER_COLUMNS["classes"]


def has_class(labels: Sequence[tuple[int, ...] | None], classes: int) -> np.ndarray:
    """Which classes samples have, ``(n, classes)``: 1 or 0, NaN where that is not known.

    Examples
    --------
    >>> has_class([(0, 2), (), None], 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [nan, nan, nan]]
    """
    found = np.zeros((len(labels), classes))
    for row, of in enumerate(labels):
        found[row, [index for index in of or () if index < classes]] = 1
        if of is None:
            found[row] = np.nan
    return found


def multilabel_table(
    samples: pd.DataFrame,
    status: np.ndarray,
    logits: np.ndarray,
    class_names: Sequence[str] = (),
    threshold: float = 0.5,
    label_explained: bool = False,
) -> pd.DataFrame:
    """One row per sample: what the network said of each class, and what the manifest knows.

    Parameters
    ----------
    samples
        The manifest; its ``label``, where there is one, as in `saliency.experiment.outputs.label_classes`.
    status, logits, class_names, label_explained
        As of `saliency.steps.predictions.predictions_table`.
    threshold
        A class is predicted where its probability is above it.

    Returns
    -------
    DataFrame
        ``id, label`` (as in the manifest, ``1;4``), ``predicted_class`` (the most probable of the predicted classes,
        which the target ``predicted`` explains; NA where none is), ``predicted_name``, ``probability`` (of that class),
        ``correct`` (whether it is one of the label's, or, where none is predicted, whether the label has none),
        ``status``, ``predicted_classes`` (all of them, ``1;4``), ``probabilities`` (of every class, with ``;`` between
        them), then the manifest's other columns.

    Examples
    --------
    >>> samples = pd.DataFrame({"id": ["a", "b"], "label": ["1;0", ""]})
    >>> table = multilabel_table(samples, np.zeros(2), np.array([[2.0, 1.0, -9.0], [-1.0, -2.0, 3.0]]))
    >>> table[["label", "predicted_class", "predicted_classes", "correct"]].values.tolist()
    [['1;0', 0, '0;1', True], ['', 2, '2', False]]
    """
    labels = [label_classes(label) for label in samples["label"]] if "label" in samples else [None] * len(samples)
    has, shares = has_class(labels, logits.shape[1]), probabilities(logits, MULTILABEL)
    valid, said = np.isfinite(logits).all(axis=1), said_classes(logits, threshold)
    predicted = predicted_classes(logits, 0, MULTILABEL, threshold)
    rows, some = np.arange(len(logits)), predicted >= 0
    known = np.array([of is not None for of in labels]) & valid
    right = np.where(some, has[rows, predicted] == 1, [not of for of in labels])
    outside = valid & label_explained & np.array([max(of or (-1,)) >= logits.shape[1] for of in labels])
    reasons = [
        Status(value).reason or ("" if good else OUTPUT_NOT_FINITE) for value, good in zip(status, valid, strict=True)
    ]
    table = pd.DataFrame(
        {
            "id": samples["id"].to_numpy(),
            "label": samples["label"].to_numpy() if "label" in samples else "",
            "predicted_class": pd.array(np.where(some, predicted, 0), dtype="Int64"),
            "predicted_name": [class_names[index] if 0 <= index < len(class_names) else "" for index in predicted],
            "probability": np.where(some, shares[rows, predicted], np.nan),
            "correct": pd.array(right, dtype="boolean"),
            "status": [reason or "ok" for reason in reasons],
            "predicted_classes": [";".join(map(str, np.flatnonzero(of))) for of in said],
            "probabilities": [
                ";".join(f"{share:.12g}" for share in of) if good else ""
                for of, good in zip(shares, valid, strict=True)
            ],
        }
    )
    table.loc[~valid | ~some, "predicted_class"] = pd.NA
    table.loc[~known | outside, "correct"] = pd.NA
    table.loc[outside, "status"] = LABEL_OUTSIDE
    further = samples.drop(columns=["id", "label"], errors="ignore").reset_index(drop=True)
    return pd.concat([table, further], axis=1)


def said_and_labelled(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read `multilabel_table` back, of samples with a result and a known label; others are NaN.

    Returns
    -------
    shares, said, has
        ``(n, classes)``: probabilities, which classes are predicted, and which the samples have; 1 or 0.
    """
    texts = table["probabilities"].tolist()
    classes = next((text.count(";") + 1 for text in texts if text), 0)
    shares = np.array([[float(part) for part in text.split(";")] if text else [np.nan] * classes for text in texts])
    shares = shares.reshape(len(table), classes)
    said = has_class([label_classes(text) for text in table["predicted_classes"]], classes)
    has = has_class([label_classes(text) for text in table["label"]], classes)
    left_out = np.isnan(shares).any(axis=1) | np.isnan(has).any(axis=1) | table["correct"].isna().to_numpy(dtype=bool)
    for values in (shares, said, has):
        values[left_out] = np.nan
    return shares, said, has
