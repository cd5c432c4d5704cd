"""Places at which the model looks in a class, and at which the samples of that class look alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.audit.findings.comparison import metadata_sentences
from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import class_words, percent

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class ShortcutFinding(FindingKind):
    """The score is the place's contrast times the share of the class that looks at it."""

    name = "shortcut"
    title = "possible shortcut"
    summary = "The model looks at one place in a class, and the samples of that class look alike there."
    version = 1
    reads = frozenset({"places", "groups"})
    precedence = 10

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each place that `saliency.audit.shortcuts.find_shortcuts` found."""
        places = [place for place in evidence.places if place.found]
        rows = [evidence.rows_of_class(place.class_index) for place in places]
        entries = [(of_class, place.members) for of_class, place in zip(rows, places, strict=True)]
        metadata = metadata_sentences(evidence, entries, thresholds)
        findings = []
        for place, of_class, (note, names) in zip(places, rows, metadata, strict=True):
            others = np.setdiff1d(of_class, place.members)
            accuracy, accuracy_others = evidence.accuracy(place.members), evidence.accuracy(others)
            rest = f" and {percent(accuracy_others)} in the other {len(others)} of the class" if len(others) else ""
            begin, class_name = class_words(evidence, place.class_index)
            findings.append(
                Finding(
                    cls.name,
                    min(1.0, place.share * place.contrast),
                    f"{begin}: in {percent(place.share)} of {place.samples} samples, the model looks at the "
                    f"{place.name}: on average {percent(place.energy)} of the map's energy lies there, on "
                    f"{percent(place.area)} of the area. In every other class, it does so in at most "
                    f"{percent(place.share_elsewhere)} of the samples. These samples look alike there, and unlike "
                    f"those of other classes (contrast {place.contrast:.2f}): the model may have learned a mark "
                    f"instead of the object. Accuracy is {percent(accuracy)} in these samples{rest}.{note}",
                    {**class_name, **names},
                    {
                        "class": place.class_index,
                        "samples": place.samples,
                        "members": len(place.members),
                        "share": place.share,
                        "share_elsewhere": place.share_elsewhere,
                        "place": place.name,
                        "begin": list(place.begin),
                        "end": list(place.end),
                        "area": place.area,
                        "energy": place.energy,
                        "contrast": place.contrast,
                        "accuracy": accuracy,
                        "accuracy_others": accuracy_others,
                    },
                    evidence.ids(place.members[: thresholds["exemplars"]]),
                )
            )
        return findings
