"""The findings of all kinds, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding
from saliency.audit.findings.registered import finding_kinds

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


def rank(findings: Sequence[Finding], most: int) -> tuple[list[Finding], int]:
    """Sort by score, the highest first, and keep `most`; also return how many are left out.

    Examples
    --------
    >>> kept, left_out = rank([Finding("a", 0.1, "…"), Finding("b", 0.9, "…")], 1)
    >>> kept[0].kind, left_out
    ('b', 1)
    """
    ranked = sorted(findings, key=lambda finding: -finding.score)
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
