"""How often a model is right: by class, and by class in each group of the manifest, or by facts of the files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from saliency.audit.groups import grouping_columns, holm
from saliency.audit.rates import exact_test, wilson
from saliency.experiment.keys.audit_settings import STATISTICS_KEYS
from saliency.registry.key import default_of

PERFORMANCE_COLUMNS = (
    *("measure", "source", "column", "group", "among", "class", "name"),
    *("right", "count", "share", "low", "high"),
    *("right_rest", "count_rest", "share_rest", "low_rest", "high_rest"),
    *("prevalence", "prevalence_rest", "compared", "gap", "p", "p_adjusted", "misses"),
)


def confusion(samples: pd.DataFrame, names: Sequence[str] = ()) -> pd.DataFrame:
    """Count the pairs of label and predicted class.

    Parameters
    ----------
    samples
        ``label``, ``predicted_class``, and ``correct``, which is NA where one of both is not known.
    names
        Of the classes; may be empty.

    Returns
    -------
    DataFrame
        The confusion matrix, one row for each pair that occurs: ``label, label_name, predicted_class,
        predicted_name, count``.

    Examples
    --------
    >>> samples = pd.DataFrame({"label": [0, 0, 1], "predicted_class": [0, 1, 1], "correct": [True, False, True]})
    >>> confusion(samples, ["cat", "dog"])[["label_name", "predicted_name", "count"]].values.tolist()
    [['cat', 'cat', 1], ['cat', 'dog', 1], ['dog', 'dog', 1]]
    """
    known = samples[samples["correct"].notna()].astype({"label": int, "predicted_class": int})
    table = known.groupby(["label", "predicted_class"]).size().rename("count").reset_index()
    table.insert(1, "label_name", [_name(index, names) for index in table["label"]])
    table.insert(3, "predicted_name", [_name(index, names) for index in table["predicted_class"]])
    return table


def performance(
    samples: pd.DataFrame,
    audited: np.ndarray,
    columns: Sequence[str],
    whole_columns: Sequence[str] = (),
    names: Sequence[str] = (),
    min_count: int = default_of(STATISTICS_KEYS, "min_count"),
    facts: Mapping[str, pd.Series] | None = None,
) -> pd.DataFrame:
    r"""Accuracy, recall and precision: over all samples, by class, and in each group of the manifest or of files.

    .. math:: recall_c = \frac{n_{cc}}{\sum_j n_{cj}}, \qquad precision_c = \frac{n_{cc}}{\sum_j n_{jc}}

    for :math:`n_{ij}` samples of class i that are predicted as j. A class is compared with all other classes, a class
    in a group with the same class elsewhere, a group's accuracy with that elsewhere within classes
    (`saliency.audit.rates.exact_test`), so that a group that only has another mix of classes does not differ.

    Parameters
    ----------
    samples
        All rows of the manifest: ``id``, ``label``, ``predicted_class``, ``probability``, ``correct`` (rows where it
        is NA do not count), and the manifest's columns.
    audited
        ``(samples,)``, bool: which of them are audited.
    columns
        By which audited samples are grouped.
    whole_columns
        By which all samples are grouped.
    names
        Of the classes; may be empty.
    min_count
        A comparison with fewer samples on one side is not tested.
    facts
        By fact of the files: each sample's group, NaN where it has none (`saliency.audit.leakage.fact_groups`).

    Returns
    -------
    DataFrame
        One row for each share: ``measure`` ("accuracy", "recall" or "precision"), ``source`` ("manifest" or "files") of
        ``column, group`` (all "" for all samples), ``among`` ("audited" or "all"), ``class`` (None for accuracy),
        ``name``; ``right`` of ``count``, their ``share`` and its Wilson interval ``low, high``; the same of the rest,
        with ``_rest``; for the precision of a class in a group its ``prevalence`` among the labels there and in the
        rest; ``gap``, the share less that of the rest, of accuracy within classes over the ``compared`` samples whose
        class occurs in the rest; ``p``, NaN where nothing is tested, and ``p_adjusted``, corrected by Holm's method
        over all tests of the table; ``misses``, ids of the wrong predictions, the surest first.

    Notes
    -----
    The precision of a class is compared with that of other classes of which there are samples: no prediction of another
    class could be right. Precision follows how frequent a class is. It is tested in a group only if both the group and
    the rest have samples of the class and of others: where a column says no more than the class does, there is nothing
    to find. Of two groups, or two classes, the tests are the same, and stand in the row with the smaller share.

    Examples
    --------
    >>> samples = pd.DataFrame({"id": list("abcd"), "label": [0, 0, 1, 1], "predicted_class": [0, 1, 1, 1],
    ...                         "probability": [0.9, 0.6, 0.8, 0.7], "correct": [True, False, True, True]})
    >>> table = performance(samples, np.ones(4, dtype=bool), [])
    >>> table[["measure", "class", "right", "count"]].values.tolist()[1:3]
    [['recall', 0, 1, 2], ['recall', 1, 2, 2]]
    >>> table["misses"][1]
    ['b']
    """
    chosen = (samples, audited, columns, whole_columns, min_count, facts)
    return performance_table(list(performance_rows(*chosen)), names)


def performance_rows(
    samples: pd.DataFrame,
    audited: np.ndarray,
    columns: Sequence[str],
    whole_columns: Sequence[str],
    min_count: int,
    facts: Mapping[str, pd.Series] | None,
) -> Iterator[dict[str, Any]]:
    """Rows of `performance`, without ``name`` and ``p_adjusted``; parameters as there."""
    every = np.ones(len(samples), dtype=bool)
    said = _Said.of(samples, audited, min_count)
    of_all = {"source": "", "column": "", "group": "", "among": "audited"}
    yield from ({**of_all, **row} for row in _of_classes(said))
    for source, among, chosen, grouped in (
        ("manifest", "audited", audited, samples[list(columns)]),
        ("manifest", "all", every, samples[list(whole_columns)]),
        ("files", "audited", audited, pd.DataFrame(facts or {}, index=samples.index)),
    ):
        groups, _ = grouping_columns(grouped.loc[chosen], list(grouped.columns), min_count)
        said = _Said.of(samples, chosen, min_count) if groups else said
        for column, members in groups.items():
            group = members.reindex(said.index).fillna("").to_numpy(dtype=object)
            yield from ({"source": source, "column": column, "among": among, **row} for row in _of_groups(said, group))


def performance_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> pd.DataFrame:
    """Make the table of `performance` of its rows; all tests are corrected together."""
    found = pd.DataFrame(rows, columns=list(PERFORMANCE_COLUMNS), dtype=object)
    found["name"] = ["" if index is None else _name(index, names) for index in found["class"]]
    numbers = found.columns.drop(["measure", "source", "column", "group", "among", "class", "name", "misses"])
    found = found.astype(dict.fromkeys(numbers, float)).astype({"right": int, "count": int})
    found["p_adjusted"] = holm(found["p"].to_numpy())
    return found


@dataclass(frozen=True)
class _Said:
    """Predictions with a label, the surest first."""

    index: pd.Index
    label: np.ndarray
    predicted: np.ndarray
    correct: np.ndarray
    ids: np.ndarray
    min_count: int

    @classmethod
    def of(cls, samples: pd.DataFrame, chosen: np.ndarray, min_count: int) -> Self:
        """Those of the chosen samples."""
        surest = np.argsort(-samples["probability"].to_numpy(dtype=float, na_value=np.nan), kind="stable")
        table = samples.iloc[surest[(chosen & samples["correct"].notna().to_numpy())[surest]]]
        label, predicted, correct = (
            table[name].to_numpy(dtype=int) for name in ("label", "predicted_class", "correct")
        )
        return cls(table.index, label, predicted, correct, table["id"].to_numpy(dtype=object), min_count)

    @property
    def by_class(self) -> tuple[tuple[str, np.ndarray], ...]:
        """Of which class a sample counts for a measure."""
        return ("recall", self.label), ("precision", self.predicted)


def _of_classes(said: _Said) -> Iterator[dict[str, Any]]:
    """Accuracy of all samples; recall and precision of each class, against all others."""
    every = np.arange(len(said.label))
    if len(every):
        yield {"measure": "accuracy", "class": None, **_compare(said, every, every[:0])}
    for measure, classes in said.by_class:
        # A class that no sample is of is never right to predict.
        possible = np.isin(classes, said.label)
        rows = []
        for index in np.unique(classes):
            inside, outside = np.flatnonzero(classes == index), np.flatnonzero((classes != index) & possible)
            row = {"measure": measure, "class": int(index), **_compare(said, inside, outside)}
            if index not in said.label:
                row["p"] = np.nan
            rows.append(row)
        yield from _tested_once(rows)


def _of_groups(said: _Said, group: np.ndarray) -> Iterator[dict[str, Any]]:
    """Accuracy of each group of a column; recall and precision of each class in each group, against the others."""
    known = np.flatnonzero(group != "")
    names = sorted(set(group[known]))
    parts = [(name, known[group[known] == name], known[group[known] != name]) for name in names]
    strata = np.unique(said.label, return_inverse=True)[1]
    yield from _tested_once(
        {"measure": "accuracy", "group": name, "class": None, **_compare(said, inside, outside, strata)}
        for name, inside, outside in parts
    )
    labels = pd.crosstab(said.label[known], group[known])
    sizes = labels.sum()
    for measure, classes in said.by_class:
        for index in np.unique(classes[known]):
            own = known[classes[known] == index]
            rows = []
            for name in sorted(set(group[own])):
                there = group[own] == name
                row = {
                    "measure": measure,
                    "group": name,
                    "class": int(index),
                    **_compare(said, own[there], own[~there]),
                }
                if measure == "precision":
                    of_class = labels.loc[index] if index in labels.index else 0 * sizes
                    row["prevalence"] = of_class[name] / sizes[name]
                    row["prevalence_rest"] = (of_class.sum() - of_class[name]) / max(1, sizes.sum() - sizes[name])
                    if not (0 < row["prevalence"] < 1 and 0 < row["prevalence_rest"] < 1):
                        row["p"] = np.nan
                rows.append(row)
            yield from _tested_once(rows)


def _tested_once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found = list(rows)
    if len(found) == 2:
        found[int(found[0]["gap"] <= found[1]["gap"])]["p"] = np.nan
    return found


def _compare(said: _Said, inside: np.ndarray, outside: np.ndarray, strata: np.ndarray | None = None) -> dict[str, Any]:
    """How often the predictions in some rows are right, and those in others."""
    found: dict[str, Any] = {"misses": said.ids[inside[said.correct[inside] == 0]].tolist()}
    width = 1 if strata is None else int(strata.max(initial=0)) + 1
    sides = []
    for end, rows in (("", inside), ("_rest", outside)):
        all_right, size = int(said.correct[rows].sum()), len(rows)
        low, high = wilson(all_right, size)
        found |= {f"right{end}": all_right, f"count{end}": size, f"share{end}": all_right / size if size else np.nan}
        found |= {f"low{end}": low, f"high{end}": high}
        stratum = np.zeros(size, dtype=int) if strata is None else strata[rows]
        counts = np.bincount(stratum, minlength=width)
        sides += [np.bincount(stratum, said.correct[rows], width).astype(int), counts]
    # Strata that only one side has say nothing.
    right, count, right_rest, count_rest = (of[(sides[1] > 0) & (sides[3] > 0)] for of in sides)
    compared = int(count.sum())
    expected = (count * right_rest / count_rest).sum()
    found |= {"compared": compared, "gap": (right.sum() - expected) / compared if compared else np.nan}
    enough = min(compared, int(count_rest.sum())) >= said.min_count
    return {**found, "p": exact_test(right, count, right_rest, count_rest) if enough else np.nan}


def _name(index: int, names: Sequence[str]) -> str:
    return names[index] if index < len(names) else ""
