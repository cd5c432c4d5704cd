"""Groups of the manifest in which the model is right less or more often than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.rates import differing, place, rate_finding, rates

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class GroupAccuracyFinding(FindingKind):
    """The score is the share of the audited samples that the gap, within classes, makes right or wrong."""

    name = "group_accuracy"
    title = "accuracy in a group"
    summary = (
        "The model is right more or less often in a group than with the same classes elsewhere: by a column of the "
        "manifest, or by a fact of the files."
    )
    version = 1
    reads = frozenset({"performance"})
    consequence = True
    precedence = 14

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each group whose accuracy differs within classes."""
        findings = []
        for row in differing(evidence, thresholds, ("accuracy",), in_groups=True):
            where, names = place(row)
            here, elsewhere = rates(row)
            template = (
                f"Where {where}: the model is right in {here}; elsewhere in {elsewhere}. Within classes, its accuracy "
                f"there is {100 * abs(row['gap']):.0f} percentage points {'higher' if row['gap'] > 0 else 'lower'} "
                f"(corrected p {row['p_adjusted']:.1g})."
            )
            findings.append(rate_finding(cls, evidence, thresholds, row, template, names))
        return findings
