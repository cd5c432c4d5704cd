"""Defects of pictures that turn them into one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import class_name, numbered_class, percent
from saliency.registry.fits import number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class DegradationFinding(FindingKind):
    """The score is the share of the pictures that turn into the class, beyond those that turn into any other."""

    name = "degradation"
    title = "a defect decides"
    summary = "Pictures that get worse in one way turn into a class whose own pictures have that defect already."
    version = 1
    reads = frozenset({"checks"})
    keys = (
        Key(
            "min_already",
            "How often a defect has to change a picture of the class less than another one: otherwise the class does "
            "not have it, and the model is merely brittle.",
            0.8,
            number(0, 1),
        ),
    )
    consequence = True
    precedence = 6

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class and degradation: the level with the strongest effect."""
        if cls.name not in evidence.checks:
            return []
        table = evidence.checks[cls.name]
        table = table[
            (table["p_adjusted"] < thresholds["alpha"])
            & (table["effect"] >= thresholds["min_turned"])
            & (table["already"] >= thresholds["min_already"])
        ]
        table = table.sort_values("effect", ascending=False, kind="stable").drop_duplicates(["class", "degradation"])
        return [_finding(evidence, row, test) for row, test in table.to_dict("index").items()]


def _finding(evidence: Evidence, row: int, test: Mapping[str, Any]) -> Finding:
    index = int(test["class"])
    template, names = numbered_class(index, class_name(evidence, index))
    begin = test["words"][0].upper() + test["words"][1:]
    return Finding(
        DegradationFinding.name,
        float(test["effect"]),
        f"{begin} turns {test['turned']} of {test['targets']} other pictures into class {template} (at most "
        f"{test['runner_up']} into any other class, corrected p {test['p_adjusted']:.1g}). The class's own pictures "
        f"have this defect already: it changes them less than others in {percent(test['already'])} of all pairs.",
        names,
        {
            "class": index,
            "effect": float(test["effect"]),
            **{key: int(test[key]) for key in ("targets", "turned", "runner_up", "own")},
            **{key: test[key] for key in ("degradation", "level", "p_adjusted", "recall_before", "recall_after")},
        },
        [str(test["target"])],
        (DegradationFinding.name, int(row)),
    )
