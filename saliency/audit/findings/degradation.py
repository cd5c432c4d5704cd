"""Defects of pictures that turn them into one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import numbered_class, percent

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class DegradationFinding(FindingKind):
    """The score is the share of the pictures that turn into the class, beyond those that turn into any other."""

    name = "degradation"
    title = "a defect decides"
    summary = "Pictures that get worse in one way turn into one class."
    version = 1
    reads = frozenset({"checks"})
    consequence = True
    precedence = 6

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class and degradation: the level with the strongest effect."""
        if cls.name not in evidence.checks:
            return []
        table = evidence.checks[cls.name]
        table = table[(table["p_adjusted"] < thresholds["alpha"]) & (table["effect"] >= thresholds["min_turned"])]
        table = table.sort_values("effect", ascending=False, kind="stable").drop_duplicates(["class", "degradation"])
        return [_finding(evidence, test) for test in table.to_dict("records")]


def _finding(evidence: Evidence, test: Mapping[str, Any]) -> Finding:
    index = int(test["class"])
    rows = evidence.rows_of_class(index)
    name = evidence.samples["name"].iloc[rows[0]] if "name" in evidence.samples and len(rows) else ""
    template, names = numbered_class(index, name)
    begin = test["words"][0].upper() + test["words"][1:]
    return Finding(
        DegradationFinding.name,
        float(test["effect"]),
        f"{begin} turns {test['turned']} of {test['targets']} other pictures into class {template} (at most "
        f"{test['runner_up']} into any other class, corrected p {test['p_adjusted']:.1g}). Of the class's own "
        f"{test['own']} pictures, {percent(test['recall_before'])} are put into it as they are, and "
        f"{percent(test['recall_after'])} with this defect.",
        names,
        {
            "class": index,
            "effect": float(test["effect"]),
            **{key: int(test[key]) for key in ("targets", "turned", "runner_up", "own")},
            **{key: test[key] for key in ("degradation", "level", "p_adjusted", "recall_before", "recall_after")},
        },
        [str(test["target"])],
    )
