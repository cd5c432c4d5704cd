"""Into which groups facts of the files divide samples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from saliency.audit.facts.registered import facts as registered_facts

# Parts into which a number is cut by rank, and how many different values stand for themselves instead.
PARTS, MOST_VALUES = 3, 5
# Rank correlation, without its sign, from which on two facts divide samples in nearly the same way.
SAME = 0.9
# Digits that count: sizes of voxels, from rotated axes, differ in the seventh.
DIGITS = 6


def fact_groups(facts: pd.DataFrame, audited: np.ndarray | None = None) -> tuple[dict[str, pd.Series], dict[str, str]]:
    """Divide samples into groups by each fact of their files.

    Parameters
    ----------
    facts
        One row per sample: numbers and texts; NaN is no value. Columns that are not compared, such as hashes, do not
        count.
    audited
        ``(samples,)``, bool: which of them are divided; all unless given.

    Returns
    -------
    groups
        By fact: each sample's group in words, NaN where it has none. Numbers are cut into `PARTS` of about the same
        number of samples, and equal values stay together; `MOST_VALUES` different values, and texts, are groups.
    repeated
        By fact that gives no groups because one before it says nearly the same (`SAME`): that one. What is the same in
        all samples gives none, either.

    Examples
    --------
    >>> table = pd.DataFrame({"width": [1, 2, 3, 4, 5, 6], "height": [2, 4, 6, 8, 10, 12], "format": "PNG"})
    >>> groups, repeated = fact_groups(table)
    >>> groups["width"].tolist()[::2]
    ['at most 2 px', 'above 2 px and at most 4 px', 'above 4 px']
    >>> repeated
    {'height': 'width'}
    """
    compared = [name for name, fact in registered_facts().items() if fact.compared and name in facts]
    table = facts[compared] if audited is None else facts.loc[audited, compared]
    groups: dict[str, pd.Series] = {}
    repeated: dict[str, str] = {}
    ranks: dict[str, pd.Series] = {}
    for name in compared:
        values = table[name].dropna()
        numeric = pd.api.types.is_numeric_dtype(values)
        if numeric:
            values = pd.Series([float(f"{value:.{DIGITS}g}") for value in values], index=values.index)
        if values.nunique() < 2:
            continue
        rank = values.rank()
        same = next((other for other, known in ranks.items() if _same(rank, known)), None)
        if same is not None:
            repeated[name] = same
            continue
        ranks[name] = rank
        groups[name] = (_parts(values, name) if numeric else values.astype(object)).reindex(facts.index)
    return groups, repeated


def _same(rank: pd.Series, other: pd.Series) -> bool:
    return rank.index.equals(other.index) and abs(rank.corr(other)) >= SAME


def _parts(values: pd.Series, name: str) -> pd.Series:
    """Cut numbers by rank, and say where each lies."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= MOST_VALUES:
        return values.map(dict(zip(distinct.tolist(), _shown(distinct, name), strict=True))).astype(object)
    # Between two different values each, nearest to where equal parts would end.
    below = counts.cumsum()[:-1]
    wanted = len(values) * np.arange(1, PARTS) / PARTS
    edges = distinct[np.unique(np.abs(below - wanted[:, np.newaxis]).argmin(axis=1))]
    texts = _shown(edges, name)
    between = [f"above {low} and at most {high}" for low, high in pairwise(texts)]
    words = np.array([f"at most {texts[0]}", *between, f"above {texts[-1]}"], dtype=object)
    return pd.Series(words[np.searchsorted(edges, values)], index=values.index)


def _shown(values: np.ndarray, name: str) -> list[str]:
    """Write numbers with their unit; those that would look the same with all their digits."""
    texts = [registered_facts()[name].shown(value) for value in values.tolist()]
    return texts if len(set(texts)) == len(texts) else [f"{value:.{DIGITS}g}" for value in values.tolist()]
