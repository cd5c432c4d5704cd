"""How well facts of the files alone tell the label, and the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from saliency.audit.leakage.direction import direction
from saliency.audit.rates import wilson

# Classes with fewer samples are left out: each fold has to hold one.
FOLDS = 5
# The smallest p-value, 1 / (PERMUTATIONS + 1), has to stay below 0.05 when it is corrected for two tests.
PERMUTATIONS = 49
# No more is exchanged once so many reach the observed value, of at least so many: the p-value would be 0.2 or more.
ENOUGH, AT_LEAST = 10, 20
# At most so many samples are used, and so many of them for each tree, so that time is bounded.
CAP, TREE_CAP = 5000, 1000
TREES = 20
# How often each fact is exchanged between the samples of a fold.
REPEATS = 5
COLUMNS = (
    *("asked", "fact", "samples", "classes", "left_out", "balanced_accuracy", "low", "high", "chance", "p"),
    *("importance", "class", "effect", "words", "note"),
)


@dataclass(frozen=True)
class Told:
    """What was told of held-out samples.

    Attributes
    ----------
    classes
        ``(n,)``: the class that each sample is put into, by a forest that has not seen it.
    importance
        ``(facts,)``: by how much the balanced accuracy falls when a fact is exchanged between held-out samples.
    """

    classes: np.ndarray
    importance: np.ndarray


def held_out(facts: np.ndarray, classes: np.ndarray, seed: int, important: bool = False) -> Told:
    """Tell classes from facts by a random forest, in stratified folds.

    Breiman, "Random Forests", 2001, https://doi.org/10.1023/A:1010933404324, with its permutation importance.

    Parameters
    ----------
    facts
        ``(n, facts)``; NaN is a value of its own.
    classes
        ``(n,)``, at least `FOLDS` of each.
    seed
        Of folds, forests and exchanges.
    important
        Whether the importance of facts is computed; else it is NaN.

    Examples
    --------
    >>> classes = np.arange(20) % 2
    >>> held_out(classes[:, np.newaxis].astype(float), classes, 0).classes.tolist() == classes.tolist()
    True
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import StratifiedKFold

    told, importance = np.empty_like(classes), np.full((FOLDS, facts.shape[1]), np.nan)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (train, test) in enumerate(folds.split(facts, classes)):
        forest = RandomForestClassifier(
            TREES, min_samples_leaf=2, max_samples=min(len(train), TREE_CAP), random_state=seed
        )
        forest.fit(facts[train], classes[train])
        told[test] = forest.predict(facts[test])
        if important:
            found = permutation_importance(
                forest, facts[test], classes[test], scoring="balanced_accuracy", n_repeats=REPEATS, random_state=seed
            )
            importance[number] = found.importances_mean
    return Told(told, importance.mean(axis=0))


def balanced_interval(balanced_accuracy: float, counts: np.ndarray) -> tuple[float, float]:
    r"""Confidence interval of a balanced accuracy, 95 %.

    It is Wilson's interval of a share of :math:`n = K^2 / \sum_k n_k^{-1}` samples, the number in :math:`K` equal
    classes whose balanced accuracy would vary as much: of equal classes the number of samples, else less.

    Parameters
    ----------
    balanced_accuracy
        Mean of the classes' recalls.
    counts
        ``(K,)``: samples of each class.

    Examples
    --------
    >>> [round(bound, 3) for bound in balanced_interval(0.9, np.array([50, 50]))]
    [0.826, 0.945]
    """
    size = round(len(counts) ** 2 / (1 / counts).sum())
    return wilson(round(balanced_accuracy * size), size)


def facts_test(
    facts: pd.DataFrame,
    asked: str,
    classes: pd.Series,
    strata: pd.Series | None,
    seed: int,
    permutations: int,
) -> pd.DataFrame:
    """Test how well facts alone tell the class of each sample.

    A random forest learns classes from facts, in stratified folds, and tells those of the samples that it has not seen.
    The same is done with exchanged classes: what it tells then is chance. Ojala & Garriga, "Permutation Tests for
    Studying Classifier Performance", 2010, https://www.jmlr.org/papers/v11/ojala10a.html

    Parameters
    ----------
    facts
        One row per sample: numbers and texts. Samples without any fact are left out, and so are facts that are the same
        in all.
    asked
        What the classes are, "label" or "prediction".
    classes
        Of each sample; NaN leaves it out, and so does a class with fewer than `FOLDS` samples.
    strata
        Classes are exchanged among the samples of a stratum only, so that what the stratum tells of the class is
        chance; NaN is a stratum, too. None for a single one.
    seed
        Of everything that is drawn.
    permutations
        How often classes are exchanged, at most. The smallest possible p-value is 1 / (permutations + 1).

    Returns
    -------
    DataFrame
        `COLUMNS`. A row of the ``fact`` "all" has the result: numbers of samples and classes, and of samples
        left out; ``balanced_accuracy`` with its interval (`balanced_interval`), ``chance`` (its mean with exchanged
        classes), and ``p``. Then one row for each fact: its ``importance`` (by how much the balanced accuracy falls
        where it is exchanged), and the class that differs most from the others, in words
        (`saliency.audit.leakage.direction`). ``note`` says why there is no test, or that a fact is constant.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> classes = pd.Series(np.arange(20) % 2)
    >>> table = pd.DataFrame({"bytes": 1000 + 9000 * classes + rng.random(20), "width": rng.random(20)})
    >>> found = facts_test(table, "label", classes, None, 0, permutations=1)
    >>> found.loc[0, ["balanced_accuracy", "p"]].tolist(), found.loc[1, "words"]
    ([1.0, 0.5], 'the file size is lower (median 1 kB against 10 kB)')
    """
    counts = classes[facts.notna().any(axis=1)].value_counts()
    known = facts.notna().any(axis=1) & classes.isin(counts.index[counts >= FOLDS])
    rows = np.flatnonzero(known)
    if len(rows) > CAP:
        rows = np.sort(np.random.default_rng(seed).choice(rows, CAP, replace=False))
        # Drawing may leave too few of a small class.
        drawn = classes.iloc[rows].value_counts()
        rows = rows[classes.iloc[rows].isin(drawn.index[drawn >= FOLDS]).to_numpy()]
    table, names = facts.iloc[rows].reset_index(drop=True), classes.iloc[rows].to_numpy(dtype=int)
    varying = [str(name) for name in table if table[name].nunique(dropna=False) > 1]
    number = len(np.unique(names))
    result: dict[str, object] = {
        **{"asked": asked, "fact": "all", "samples": len(rows), "classes": number, "left_out": len(facts) - len(rows)}
    }
    if number < 2:
        return _table([{**result, "note": f"no two classes with {FOLDS} samples that have facts"}])
    if not varying:
        return _table([{**result, "note": "all facts are the same in all samples"}])
    values = _numbers(table[varying])
    told = held_out(values, names, seed, important=True)
    reached = _balanced_accuracy(names, told.classes)
    rng = np.random.default_rng(seed)
    blocks = _blocks(strata.iloc[rows] if strata is not None else pd.Series(0, index=range(len(rows))))
    exchanged: list[float] = []
    as_good = 0
    while len(exchanged) < permutations and (as_good < ENOUGH or len(exchanged) < AT_LEAST):
        other = names.copy()
        for block in blocks:
            other[block] = rng.permutation(names[block])
        exchanged.append(_balanced_accuracy(other, held_out(values, other, seed).classes))
        # Sums in another order differ in the last digits; equal values have to count as equal.
        as_good += exchanged[-1] >= reached - 1e-9
    low, high = balanced_interval(reached, np.unique(names, return_counts=True)[1])
    result |= {"balanced_accuracy": reached, "low": low, "high": high, "chance": float(np.mean(exchanged))}
    result["p"] = (1 + as_good) / (1 + len(exchanged))
    lines = [
        {"asked": asked, "fact": name, "importance": importance, **direction(name, table[name], names)}
        for name, importance in zip(varying, told.importance.tolist(), strict=True)
    ]
    lines.sort(key=lambda line: -line["importance"])
    constant = [{"asked": asked, "fact": name, "note": "the same in all"} for name in table if name not in varying]
    return _table([result, *lines, *constant])


def _table(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"class": "Int64"})


def _numbers(table: pd.DataFrame) -> np.ndarray:
    """Facts as numbers ``(n, facts)``: texts by their order, NaN where there is none."""
    columns = []
    for name in table:
        if pd.api.types.is_numeric_dtype(table[name]):
            columns.append(table[name].to_numpy(dtype=float))
        else:
            codes = pd.factorize(table[name], sort=True)[0].astype(float)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.stack(columns, axis=1)


def _blocks(strata: pd.Series) -> list[np.ndarray]:
    codes = pd.factorize(strata)[0]
    return [np.flatnonzero(codes == code) for code in np.unique(codes)]


def _balanced_accuracy(classes: np.ndarray, told: np.ndarray) -> float:
    from sklearn.metrics import recall_score

    # Not balanced_accuracy_score, which warns of classes that are told and not there.
    return float(recall_score(classes, told, average="macro", labels=np.unique(classes), zero_division=0))
