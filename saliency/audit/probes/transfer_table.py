"""The table of transfer tests: its rows, and the p-values."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import chain

import numpy as np
import pandas as pd
from scipy import stats

from saliency.audit.groups import holm
from saliency.audit.pictures import Picture


@dataclass
class Row:
    """One row of the table: an intervention on a class, or why there is none.

    Attributes
    ----------
    class_
        Index of the class.
    intervention, variant, words, verb
        What was given; "" where nothing was.
    area
        Share of the picture's content that was given.
    sources, targets
        Number of pictures.
    turned, control_turned
        Targets that turn into the class, with its property and with that of other classes.
    gained, lost
        Targets that turn with the first only, and with the second only.
    p
        Of McNemar's exact test; NaN where nothing was tested.
    own, recall_before, recall_after
        Pictures of the class, and the shares of them that are put into it, as they are and without the property; NaN
        where that was not tried.
    others, others_before, others_after
        The same of pictures of other classes and their own classes, without the same content; of what cannot be the
        object.
    lost_more
        By how much more of the class's pictures than of the others leave their class without it, of those that were
        put into it.
    p_without
        Of Fisher's exact test of that, one-sided.
    source, target
        Ids of a pair that shows it: one that turns, if any does.
    note
        Why a class was not tested.
    pictures
        Of that pair, where `effect` or `lost_more` is at least `LEAST_EFFECT`; not in the table.
    """

    class_: int
    intervention: str = ""
    variant: str = ""
    words: str = ""
    verb: str = ""
    area: float = 0.0
    sources: int = 0
    targets: int = 0
    turned: int = 0
    control_turned: int = 0
    gained: int = 0
    lost: int = 0
    p: float = np.nan
    own: int = 0
    recall_before: float = np.nan
    recall_after: float = np.nan
    others: int = 0
    others_before: float = np.nan
    others_after: float = np.nan
    lost_more: float = np.nan
    p_without: float = np.nan
    source: str = ""
    target: str = ""
    note: str = ""
    pictures: list[Picture] = field(default_factory=list)


@dataclass(frozen=True)
class Tried:
    """A window of a class, as it was tried on a few targets before some windows were tested.

    Attributes
    ----------
    class_
        Index of the class.
    begin, end
        Of the window, in shares of each spatial axis.
    targets, turned
        Number of targets, and of those that turn into the class with the window of its pictures.
    """

    class_: int
    begin: tuple[float, ...]
    end: tuple[float, ...]
    targets: int
    turned: int


def windows_table(tried: Sequence[Tried], ndim: int) -> pd.DataFrame:
    """A row for each window: ``class``, ``begin_0, end_0`` and so on for each spatial axis, ``targets, turned``.

    Examples
    --------
    >>> windows_table([Tried(3, (0.0, 0.5), (0.36, 0.86), 12, 9)], 2).to_dict("records")
    [{'class': 3, 'begin_0': 0.0, 'end_0': 0.36, 'begin_1': 0.5, 'end_1': 0.86, 'targets': 12, 'turned': 9}]
    """
    limits = [f"{end}_{axis}" for axis in range(ndim) for end in ("begin", "end")]
    rows = [
        [one.class_, *chain.from_iterable(zip(one.begin, one.end, strict=True)), one.targets, one.turned]
        for one in tried
    ]
    return pd.DataFrame(rows, columns=["class", *limits, "targets", "turned"])


def mcnemar(gained: int, lost: int) -> float:
    """One-sided exact p-value of McNemar's test.

    Examples
    --------
    >>> mcnemar(3, 0), mcnemar(0, 0)
    (0.125, 1.0)
    """
    return float(stats.binom.sf(gained - 1, gained + lost, 0.5))


def fisher(fallen: np.ndarray, fallen_of_others: np.ndarray) -> float:
    """One-sided exact p-value of Fisher's test: whether a class's pictures fall more often than others do.

    Parameters
    ----------
    fallen, fallen_of_others
        ``(n,)`` and ``(m,)``, bool.

    Examples
    --------
    >>> round(fisher(np.array([True, True, True]), np.array([False, False, False])), 3)  # one of 20 ways to choose
    0.05
    """
    counts = [[np.count_nonzero(each), np.count_nonzero(~each)] for each in (fallen, fallen_of_others)]
    return float(stats.fisher_exact(counts, alternative="greater").pvalue)


def transfer_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a table, with ``effect``, the share that turns beyond the control, and p-values for all of their tests.

    ``p_adjusted`` and ``p_without_adjusted`` are corrected together.

    Examples
    --------
    >>> rows = [Row(0, targets=8, turned=6, gained=6, p=mcnemar(6, 0)), Row(1, note="few")]
    >>> transfer_table(rows)[["class", "effect", "p_adjusted"]].to_dict("records")
    [{'class': 0, 'effect': 0.75, 'p_adjusted': 0.015625}, {'class': 1, 'effect': nan, 'p_adjusted': nan}]
    """
    columns = [one.name for one in fields(Row) if one.name != "pictures"]
    table = pd.DataFrame([{name: getattr(row, name) for name in columns} for row in rows], columns=columns)
    table = table.rename(columns={"class_": "class"})
    adjusted = holm(table[["p", "p_without"]].to_numpy(dtype=float).T.ravel())
    table["p_adjusted"], table["p_without_adjusted"] = adjusted.reshape(2, -1)
    table["effect"] = (table["turned"] - table["control_turned"]) / table["targets"].where(table["targets"] > 0)
    return table
