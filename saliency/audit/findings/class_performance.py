"""Classes whose samples the model finds, or whose predictions are right, less or more often than those of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.rates import differing, rate_finding, rates
from saliency.audit.findings.words import numbered_class

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class ClassPerformanceFinding(FindingKind):
    """The score is the share of the audited samples that the gap makes right or wrong."""

    name = "class_performance"
    title = "recall or precision of a class"
    summary = "The recall or the precision of a class differs from that of the other classes."
    version = 1
    reads = frozenset({"performance"})
    consequence = True
    precedence = 60

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class, and each of recall and precision."""
        findings = []
        for row in differing(evidence, thresholds, ("recall", "precision"), in_groups=False):
            begin, names = numbered_class(row["class"], row["name"])
            here, elsewhere = rates(row)
            said = (
                f"the model finds {here}; of the other classes it finds {elsewhere}"
                if row["measure"] == "recall"
                else f"when the model says this class, it is right in {here}; when it says another, in {elsewhere}"
            )
            template = f"Class {begin}: {said} (corrected p {row['p_adjusted']:.1g})."
            findings.append(rate_finding(cls, evidence, thresholds, row, template, names))
        return findings
