"""The findings of all kinds, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding
from saliency.audit.findings.registered import finding_kind, finding_kinds

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


def rank(findings: Sequence[Finding], most: int) -> tuple[list[Finding], int]:
    """Consequences before signs, each by score, the highest first; keep `most`, and return how many are left out.

    Examples
    --------
    >>> found = [Finding("cluster", 0.9, "…"), Finding("group", 1.0, "…"), Finding("transfer", 0.4, "…")]
    >>> kept, left_out = rank(found, 2)
    >>> [finding.kind for finding in kept], left_out
    (['transfer', 'group'], 1)
    """
    ranked = sorted(findings, key=lambda finding: (not finding_kind(finding.kind).consequence, -finding.score))
    return ranked[:most], max(0, len(ranked) - most)


def ranked_findings(evidence: Evidence, thresholds: Mapping[str, Any]) -> tuple[list[Finding], int]:
    """Look for findings of every kind in what an audit computed.

    Parameters
    ----------
    evidence
        Of one target of a model.
    thresholds
        The config's ``audit.findings``, complete.

    Returns
    -------
    findings
        The ``most`` findings with the highest scores, in that order.
    left_out
        Number of the others.
    """
    found = [finding for kind in finding_kinds().values() for finding in kind.find(evidence, thresholds)]
    return rank(found, thresholds["most"])
