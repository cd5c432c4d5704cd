"""What findings about accuracy, recall and precision have in common: which are told, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.facts.registered import facts
from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import percent

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence

_NUMBERS = ("right", "count", "share", "low", "high")
# Which predictions the page shows: those of a class's samples, or those that name a class.
_CLASS_KEYS = {"recall": "label", "precision": "predicted"}
# Further facts that are named, of those by which the same share differs.
_NAMED = 3


def differing(evidence: Evidence, thresholds: Mapping[str, Any], measures: tuple[str, ...], in_groups: bool) -> Any:
    """Rows of `Evidence.performance` whose gap is significant and large enough, as mappings.

    Facts of files go together, dark with small for instance. So each measure of a class has one row of files: that of
    the smallest p-value, of a share that is smaller than elsewhere if there is any. Its ``others`` are the other facts
    by which it differs.

    Parameters
    ----------
    evidence
        Has the table.
    thresholds
        ``alpha``, and ``min_difference`` of the two shares.
    measures
        "accuracy", "recall" or "precision".
    in_groups
        Whether of groups of the manifest and of files, or of classes against all others.
    """
    table = evidence.performance
    wanted = table["measure"].isin(measures) & (table["column"].ne("") == in_groups)
    differs = (table["p_adjusted"] < thresholds["alpha"]) & (table["gap"].abs() >= thresholds["min_difference"])
    found = table[wanted & differs]
    rows = found[found["source"] != "files"].to_dict("records")
    of_files = found[found["source"] == "files"]
    of_files = of_files.assign(higher=of_files["gap"] > 0).sort_values(["higher", "p"], kind="stable")
    for _, part in of_files.groupby(["measure", "class"], dropna=False, sort=False):
        names = part["column"].drop_duplicates().tolist()
        rows.append({**part.iloc[0].to_dict(), "others": [facts()[name].title for name in names[1 : _NAMED + 1]]})
    return rows


def rates(row: Mapping[str, Any]) -> tuple[str, str]:
    """Write the shares of a row, and of the rest, with counts and intervals.

    Examples
    --------
    >>> rates({"right": 3, "count": 42, "share": 3 / 42, "low": 0.025, "high": 0.19, "right_rest": 80,
    ...        "count_rest": 120, "share_rest": 2 / 3, "low_rest": 0.58, "high_rest": 0.745})
    ('3 of 42 samples (7 %, 95 % interval 2 to 19 %)', '80 of 120 (67 %, 58 to 74 %)')
    """
    return _rate(row, "", " samples", "95 % interval "), _rate(row, "_rest", "", "")


def _rate(row: Mapping[str, Any], end: str, samples: str, interval: str) -> str:
    right, count, share, low, high = (row[f"{name}{end}"] for name in _NUMBERS)
    limits = f"{interval}{100 * low:.0f} to {100 * high:.0f} %"
    return f"{right:.0f} of {count:.0f}{samples} ({percent(share)}, {limits})"


def place(row: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Say which group of the manifest, or of files, a row is of: a template, and the names in it."""
    if row["source"] == "files":
        return "the {column} is {group}", {"column": facts()[row["column"]].title, "group": str(row["group"])}
    whole = ", of all samples of the manifest" if row["among"] == "all" else ""
    return f"{{column}} is {{group}}{whole}", {"column": str(row["column"]), "group": str(row["group"])}


def rate_finding(
    kind: type[FindingKind],
    evidence: Evidence,
    thresholds: Mapping[str, Any],
    row: Mapping[str, Any],
    template: str,
    names: Mapping[str, str],
) -> Finding:
    """Make a finding of a row: its score is the share of the audited samples that the gap makes right or wrong."""
    column = "fact" if row["source"] == "files" else "column"
    of_group = {column: row["column"], "group": row["group"], "among": row["among"]} if row["column"] else {}
    of_class = {_CLASS_KEYS[row["measure"]]: int(row["class"])} if row["measure"] in _CLASS_KEYS else {}
    concerned = abs(row["gap"]) * row["compared"]
    if others := row.get("others"):
        template, names = f"{template} It also differs by {{others}}.", {**names, "others": ", ".join(others)}
    return Finding(
        kind.name,
        min(1.0, concerned / len(evidence.samples)),
        template,
        names,
        {
            "measure": row["measure"],
            **of_class,
            **of_group,
            **{f"{name}{end}": row[f"{name}{end}"] for end in ("", "_rest") for name in _NUMBERS},
            "gap": row["gap"],
            "concerned": concerned,
            "p_adjusted": row["p_adjusted"],
        },
        row["misses"][: thresholds["exemplars"]],
    )
