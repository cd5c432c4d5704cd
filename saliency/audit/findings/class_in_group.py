"""Classes that the model finds less or more often in a group of the manifest than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.rates import differing, place, rate_finding, rates
from saliency.audit.findings.words import numbered_class, percent

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class ClassInGroupFinding(FindingKind):
    """The score is the share of the audited samples that the gap makes right or wrong."""

    name = "class_in_group"
    title = "class in a group"
    summary = (
        "The recall or the precision of a class differs between a group and the rest: by a column of the manifest, or "
        "by a fact of the files."
    )
    version = 1
    reads = frozenset({"performance"})
    consequence = True
    precedence = 12

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class and group, and each of recall and precision."""
        findings = []
        for row in differing(evidence, thresholds, ("recall", "precision"), in_groups=True):
            begin, class_name = numbered_class(row["class"], row["name"])
            where, names = place(row)
            here, elsewhere = rates(row)
            p = f"(corrected p {row['p_adjusted']:.1g})"
            if row["measure"] == "recall":
                said = f"the model finds {here}; elsewhere it finds {elsewhere} {p}."
            else:
                said = (
                    f"when the model says this class, it is right in {here}; elsewhere in {elsewhere} {p}. Of the "
                    f"samples there, {percent(row['prevalence'])} are of this class, and "
                    f"{percent(row['prevalence_rest'])} elsewhere: where a class is rare, fewer predictions of it are "
                    "right."
                )
            template = f"Class {begin}, where {where}: {said}"
            findings.append(rate_finding(cls, evidence, thresholds, row, template, {**names, **class_name}))
        return findings
