"""Whether some samples differ from the others: in accuracy, or in what the manifest says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from saliency.audit.findings.words import percent
from saliency.audit.groups import holm

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


def accuracy_test(evidence: Evidence, members: np.ndarray, everyone: np.ndarray) -> float:
    """P-value of Fisher's exact test, two-sided, of the accuracy of some samples against that of all others.

    Parameters
    ----------
    evidence
        Has the samples.
    members, everyone
        Rows; the first are among the second.

    Returns
    -------
    float
        NaN where a side has no sample that is known to be right or wrong.

    Examples
    --------
    >>> from saliency.audit.evidence import Evidence
    >>> evidence = Evidence(pd.DataFrame({"correct": [True] * 5 + [False] * 5}))
    >>> round(accuracy_test(evidence, np.arange(5), np.arange(10)) * 252, 6)
    2.0
    """
    from scipy import stats

    correct = evidence.correct
    inside, outside = correct[members], correct[np.setdiff1d(everyone, members)]
    counts = [[int((part == 1).sum()), int((part == 0).sum())] for part in (inside, outside)]
    return float(stats.fisher_exact(counts).pvalue) if all(map(sum, counts)) else np.nan


def over_represented(members: np.ndarray, groups: Mapping[str, pd.Series]) -> pd.DataFrame:
    r"""Which groups of the metadata some samples of a class have more of than the rest of the class.

    Parameters
    ----------
    members
        ``(n,)``, bool: which of the class's samples they are.
    groups
        By column: each of the class's samples' group, as `groups.grouping_columns` gives them.

    Returns
    -------
    DataFrame
        One row per group: ``column, group, count`` (among the members), ``share`` of the members, ``share_rest`` of the
        others, and ``p`` of Fisher's exact test, one-sided. Samples without a group do not count. The number of tests
        is the number of rows of all such tables that are looked at: correct for that (`groups.holm`).

    Examples
    --------
    >>> sites = pd.Series(["a"] * 5 + ["b"] * 5)
    >>> table = over_represented(np.arange(10) < 5, {"site": sites})
    >>> table[["group", "share", "share_rest"]].to_dict("records")[0], round(table["p"][0] * 252)
    ({'group': 'a', 'share': 1.0, 'share_rest': 0.0}, 1)
    """
    from scipy import stats

    rows = []
    for column, group_of in groups.items():
        known = group_of.notna().to_numpy()
        inside, outside = int((members & known).sum()), int((~members & known).sum())
        for group in sorted(group_of[known].unique()):
            member = (group_of == group).to_numpy()
            count, total = int((member & members).sum()), int(member.sum())
            rows.append(
                {
                    "column": column,
                    "group": group,
                    "count": count,
                    "share": count / inside if inside else np.nan,
                    "share_rest": (total - count) / outside if outside else np.nan,
                    "p": float(stats.hypergeom.sf(count - 1, inside + outside, total, inside)),
                }
            )
    return pd.DataFrame(rows, columns=["column", "group", "count", "share", "share_rest", "p"])


def metadata_sentences(
    evidence: Evidence, entries: Sequence[tuple[np.ndarray, np.ndarray]], thresholds: Mapping[str, Any]
) -> list[tuple[str, dict[str, str]]]:
    """Say which groups of the metadata some samples of a class have more of than the rest of it.

    Parameters
    ----------
    evidence
        Has the groups.
    entries
        Rows of a class, and of the members among them. The tests of all entries are corrected together.
    thresholds
        ``alpha``, and ``min_difference`` of the two shares.

    Returns
    -------
    list of tuple
        For each entry: sentences that begin with a space, "" where there is nothing to say, and the names in them.
    """
    tables = [
        over_represented(
            np.isin(rows, members),
            {name: of.iloc[rows].reset_index(drop=True) for name, of in evidence.groups.items()},
        ).assign(entry=number)
        for number, (rows, members) in enumerate(entries)
    ]
    if not tables:
        return []
    table = pd.concat(tables, ignore_index=True)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    differs = table["share"] - table["share_rest"] >= thresholds["min_difference"]
    table = table[(table["p_adjusted"] < thresholds["alpha"]) & differs]
    found = []
    for number in range(len(entries)):
        sentences, names = "", dict[str, str]()
        for index, row in enumerate(table[table["entry"] == number].to_dict("records")):
            sentences += (
                f" {{column{index}}} is {{group{index}}} in {percent(row['share'])} of them and in "
                f"{percent(row['share_rest'])} of the others (corrected p {row['p_adjusted']:.1g})."
            )
            names |= {f"column{index}": str(row["column"]), f"group{index}": str(row["group"])}
        found.append((sentences, names))
    return found
