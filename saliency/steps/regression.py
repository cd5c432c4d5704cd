"""The table of predictions of a model that returns real values."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from saliency.exceptions import DataError, Status
from saliency.experiment.outputs import label_numbers
from saliency.steps.failures import OUTPUT_NOT_FINITE


def regression_table(
    samples: pd.DataFrame, status: np.ndarray, values: np.ndarray, names: Sequence[str] = ()
) -> pd.DataFrame:
    """One row per sample: the values that the network gives it, and by how much they miss the label.

    Parameters
    ----------
    samples
        The manifest; its ``label``, where there is one, as in `saliency.experiment.outputs.label_numbers`.
    status
        ``(n,)``.
    values
        ``(n, values)``, NaN for failed samples.
    names
        Of the values, where there are several; may be empty.

    Returns
    -------
    DataFrame
        ``id, label`` (as in the manifest), ``value`` and ``error`` (the value less the label, NaN where that is not
        known), of several values ``value_NAME`` and ``error_NAME`` by name or index, ``status``, then the manifest's
        other columns.

    Raises
    ------
    DataError
        If a label has another number of values than the network, or the manifest has a column of one of these names.

    Examples
    --------
    >>> samples = pd.DataFrame({"id": ["a", "b"], "label": ["1.5", ""]})
    >>> regression_table(samples, np.zeros(2), np.array([[2.0], [3.0]]))[["id", "value", "error"]].values.tolist()
    [['a', 2.0, 0.5], ['b', 3.0, nan]]
    """
    count, valid = values.shape[1], np.isfinite(values).all(axis=1)
    known = samples["label"].tolist() if "label" in samples else [""] * len(samples)
    labels = np.full(values.shape, np.nan)
    for row, label in enumerate(map(label_numbers, known)):
        if label is not None and len(label) != count:
            raise DataError(
                f"sample '{samples['id'].iloc[row]}': its label '{known[row]}' has {len(label)} values, but the "
                f"network gives {count}: correct it, with ; between values, or leave it empty"
            )
        if label is not None:
            labels[row] = label
    ends = [""] if count == 1 else [f"_{names[index] if index < len(names) else index}" for index in range(count)]
    columns: dict[str, object] = {"id": samples["id"].to_numpy(), "label": known}
    for index, end in enumerate(ends):
        columns[f"value{end}"] = values[:, index].astype(float)
        columns[f"error{end}"] = values[:, index] - labels[:, index]
    reasons = [
        Status(one).reason or ("" if good else OUTPUT_NOT_FINITE) for one, good in zip(status, valid, strict=True)
    ]
    columns["status"] = [reason or "ok" for reason in reasons]
    table = pd.DataFrame(columns)
    further = samples.drop(columns=["id", "label"], errors="ignore").reset_index(drop=True)
    if twice := [str(name) for name in further if name in table]:
        raise DataError(f"the manifest has columns that predictions.csv adds: rename {', '.join(twice)}")
    return pd.concat([table, further], axis=1)
