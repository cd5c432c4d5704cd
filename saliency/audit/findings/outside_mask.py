"""Classes whose maps have less energy in the mask than chance would give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import class_words

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class OutsideMaskFinding(FindingKind):
    """The score is the share by which the energy in the mask falls short of what an even map has there."""

    name = "outside_mask"
    title = "energy outside the mask"
    summary = "The maps of a class have less energy in the mask than an even map: the model looks beside the object."
    version = 1
    reads = frozenset({"summary"})
    precedence = 40

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class in which the interval of the median is below 1."""
        summary = evidence.summary
        findings = []
        for _, row in summary[(summary["measure"] == "energy_ratio") & (summary["median_high"] < 1)].iterrows():
            members = evidence.samples.iloc[evidence.rows_of_class(row["group"])]
            lowest = members.sort_values("energy_ratio", kind="stable").index[: thresholds["exemplars"]]
            begin, class_name = class_words(evidence, row["group"])
            findings.append(
                Finding(
                    cls.name,
                    float(1 - row["median"]),
                    f"{begin}: the model looks beside the object: the mask holds only {row['median']:.2f} times the "
                    f"energy that an even map would have there (median of {row['count']} samples, confidence interval "
                    f"{row['median_low']:.2f} to {row['median_high']:.2f}).",
                    class_name,
                    {
                        "class": int(row["group"]),
                        **{str(name): row[name] for name in row.index.drop(["group", "measure"])},
                    },
                    evidence.ids(lowest.to_numpy()),
                )
            )
        return findings
