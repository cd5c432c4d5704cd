"""Files whose facts give the label away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.told import told_by_facts

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class FilesTellLabelFinding(FindingKind):
    """The score is the share of samples whose label the files tell, less that which chance would."""

    name = "files_tell_label"
    title = "files that give the label away"
    summary = "Facts of the files, such as size and format, tell the label: a model can win without seeing the object."
    version = 1
    reads = frozenset({"checks"})
    precedence = 70

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """At most one finding, with the first target."""
        told = told_by_facts(evidence, "label", thresholds)
        if told is None:
            return []
        sentence = (
            "The files alone give the label away: facts of the files, without any network, put "
            f"{told.share} into the right class ({told.control}).{told.carriers} A model that learns these facts looks "
            "right, also where it never sees the object."
        )
        return [Finding(cls.name, told.gain, sentence, told.names, told.numbers)]
