"""Networks that have learned nothing: no weights are configured, and those of the factory are random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class RandomWeightsFinding(FindingKind):
    """The score is 1: nothing else that is found means anything then."""

    name = "random_weights"
    title = "random weights"
    summary = "The config has no weights for the model, and those that its factory gives it are drawn at random."
    version = 1
    reads = frozenset({"tested"})
    consequence = True
    precedence = 0

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding, where parameters differ between two builds of the network, or that is not known."""
        found = evidence.tested.get(cls.name)
        if not isinstance(found, Mapping) or found["differ"] == 0:
            return []
        if found["differ"] is None:
            said = (
                "{model} has no weights in the config: if its factory loads none, its predictions and maps are those "
                "of a random network, and say nothing about the data."
            )
        else:
            said = (
                f"The weights of {{model}} are random: {found['differ']} of {found['tensors']} parameter tensors "
                "differ between two builds by its factory, and the config has no weights for it. Its predictions and "
                "maps say nothing about the data."
            )
        names = {"model": f"models.{found['model']}"}
        numbers = {key: found[key] for key in ("differ", "tensors")}
        return [Finding(cls.name, 1.0, f"{said} Set {{model}}.weights.", names, numbers)]
