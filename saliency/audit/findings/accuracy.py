"""Classes in which the model is right more or less often than in others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.audit.findings.comparison import accuracy_test
from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import class_words, percent
from saliency.audit.groups import holm

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class AccuracyFinding(FindingKind):
    """The score is the difference of the accuracies."""

    name = "accuracy"
    title = "accuracy of a class"
    summary = "The model is right more or less often in a class than in the others."
    version = 1
    reads = frozenset()
    precedence = 60

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class whose accuracy differs from that of all others."""
        rows_of = {index: evidence.rows_of_class(index) for index in evidence.classes}
        everyone = np.flatnonzero(evidence.samples["class"].notna())
        tests = holm(np.array([accuracy_test(evidence, rows, everyone) for rows in rows_of.values()]))
        findings = []
        for (index, rows), p in zip(rows_of.items(), tests, strict=True):
            accuracy = evidence.accuracy(rows)
            accuracy_others = evidence.accuracy(np.setdiff1d(everyone, rows))
            difference = accuracy - accuracy_others
            if not (p < thresholds["alpha"] and abs(difference) >= thresholds["min_difference"]):
                continue
            begin, class_name = class_words(evidence, index)
            findings.append(
                Finding(
                    cls.name,
                    abs(difference),
                    f"{begin}: the model is right {'more' if difference > 0 else 'less'} often than in other classes: "
                    f"in {percent(accuracy)} of {len(rows)} samples, elsewhere in {percent(accuracy_others)} "
                    f"(corrected p {p:.1g}).",
                    class_name,
                    {
                        "class": index,
                        "samples": len(rows),
                        "accuracy": accuracy,
                        "accuracy_others": accuracy_others,
                        "p_adjusted": float(p),
                    },
                )
            )
        return findings
