"""How often a model is right of each class by itself, where a sample can be of several."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from saliency.audit.performance import performance_rows, performance_table
from saliency.experiment.keys.audit_settings import STATISTICS_KEYS
from saliency.registry.key import default_of
from saliency.steps.multilabel import said_and_labelled

# Of the other class of two, the samples without the class: that is no other class to compare with.
_REST = ("right_rest", "count_rest", "share_rest", "low_rest", "high_rest", "gap", "p")


def one_vs_rest(
    samples: pd.DataFrame,
    audited: np.ndarray,
    columns: Sequence[str],
    whole_columns: Sequence[str] = (),
    names: Sequence[str] = (),
    min_count: int = default_of(STATISTICS_KEYS, "min_count"),
    facts: Mapping[str, pd.Series] | None = None,
) -> pd.DataFrame:
    """Recall and precision of each class: over all samples, and in each group of the manifest or of files.

    Recall is the share of a class's samples in which it is predicted, precision the share of its predictions that are
    samples of it. A class in a group is compared with the same class elsewhere, as in
    `saliency.audit.performance.performance`; classes are not compared with each other, since they share their samples.

    Parameters
    ----------
    samples
        With the columns of `saliency.steps.multilabel.multilabel_table`.
    audited, columns, whole_columns, names, min_count, facts
        As of `saliency.audit.performance.performance`.

    Returns
    -------
    DataFrame
        As of `saliency.audit.performance.performance`, without accuracy.

    Examples
    --------
    >>> samples = pd.DataFrame({"id": list("abc"), "label": ["0;1", "1", ""], "predicted_classes": ["0", "1", "1"],
    ...                         "probabilities": ["0.9;0.2", "0.1;0.8", "0.2;0.7"], "correct": [True, True, False]})
    >>> table = one_vs_rest(samples, np.ones(3, dtype=bool), [])
    >>> table[["measure", "class", "right", "count"]].values.tolist()
    [['recall', 0, 1, 1], ['precision', 0, 1, 1], ['recall', 1, 1, 2], ['precision', 1, 1, 2]]
    """
    shares, said, has = said_and_labelled(samples)
    rows: list[dict[str, Any]] = []
    for index in range(shares.shape[1]):
        right = pd.Series(has[:, index] == said[:, index], samples.index, dtype="boolean")
        one = samples.assign(
            label=has[:, index],
            predicted_class=said[:, index],
            probability=shares[:, index],
            correct=right.mask(np.isnan(has[:, index])),
        )
        found = performance_rows(one, audited, columns, whole_columns, min_count, facts)
        rows += list(_of_class(index, found))
    return performance_table(rows, names)


def _of_class(index: int, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those of the class itself, which is 1 of two."""
    for row in rows:
        if row["class"] == 1:
            yield {**row, **({} if row["column"] else dict.fromkeys(_REST, np.nan)), "class": index}
