"""Files whose facts tell more of the prediction than follows from the label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.told import told_by_facts

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class FilesTellPredictionFinding(FindingKind):
    """The score is the share of predictions that the files tell, less that where those of a label are exchanged."""

    name = "files_tell_prediction"
    title = "files that tell the prediction"
    summary = "Facts of the files tell the prediction, also among samples of the same label: the model may use them."
    version = 1
    reads = frozenset({"checks"})
    precedence = 80

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """At most one finding, with the first target."""
        told = told_by_facts(evidence, "prediction", thresholds)
        if told is None:
            return []
        sentence = (
            "The files alone tell the prediction, beyond what they tell of the label: facts of the files tell that of "
            f"{told.share} ({told.control}). Chance is what they tell when predictions are exchanged among samples of "
            f"the same label.{told.carriers} The model may use what comes with these files instead of the object."
        )
        return [Finding(cls.name, told.gain, sentence, told.names, told.numbers)]
