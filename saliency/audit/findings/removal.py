"""Content without which pictures of a class are no longer put into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.transfer import TransferFinding
from saliency.audit.findings.words import class_name, percent
from saliency.registry.fits import number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class RemovalFinding(FindingKind):
    """The score is the share of the class's pictures that leave it, beyond that of others that leave theirs."""

    name = "removal"
    title = "a class rests on a mark"
    summary = "Without content that cannot be the object, pictures of a class are no longer put into it."
    version = 1
    reads = frozenset({"checks"})
    keys = (
        Key(
            "min_lost",
            "Share of a class's pictures that have to leave it without what they share, beyond that of other classes' "
            "pictures that leave theirs.",
            0.2,
            number(0, 1),
        ),
    )
    consequence = True
    precedence = 5

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class."""
        if "transfer" not in evidence.checks:
            return []
        table = evidence.checks["transfer"]
        table = table[
            (table["p_without_adjusted"] < thresholds["alpha"]) & (table["lost_more"] >= thresholds["min_lost"])
        ]
        table = table.sort_values("lost_more", ascending=False, kind="stable").drop_duplicates("class")
        # Where the content turns others into the class, that finding tells of the removal as well.
        told = {finding.row for finding in TransferFinding.find(evidence, thresholds)}
        tests = table.to_dict("index").items()
        return [_finding(evidence, row, test) for row, test in tests if ("transfer", int(row)) not in told]


def _finding(evidence: Evidence, row: int, test: Mapping[str, Any]) -> Finding:
    index = int(test["class"])
    found = class_name(evidence, index)
    return Finding(
        RemovalFinding.name,
        float(test["lost_more"]),
        f"Without the {test['words']} of its pictures, recall of class {{class}} falls from "
        f"{percent(test['recall_before'])} to {percent(test['recall_after'])} ({test['own']} pictures). Of other "
        f"classes, recall without the same pixels goes from {percent(test['others_before'])} to "
        f"{percent(test['others_after'])} ({test['others']} pictures, corrected p {test['p_without_adjusted']:.1g}).",
        {"class": f"'{found}'" if found else str(index)},
        {
            "class": index,
            "effect": float(test["lost_more"]),
            **{key: int(test[key]) for key in ("own", "others")},
            **{key: test[key] for key in ("intervention", "variant", "p_without_adjusted")},
            **{key: test[key] for key in ("recall_before", "recall_after", "others_before", "others_after")},
        },
        [str(test["source"])],
        ("transfer", int(row)),
    )
