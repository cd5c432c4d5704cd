"""Classes of which many maps are zero everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.audit.findings.finding import SHARE, Finding, FindingKind
from saliency.audit.findings.words import class_words, percent
from saliency.registry.key import Key

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class ZeroMapsFinding(FindingKind):
    """The score is the share of the class's maps."""

    name = "zero_maps"
    title = "maps that are zero everywhere"
    summary = "Many maps of a class are zero everywhere: they explain nothing."
    version = 1
    reads = frozenset()
    precedence = 50
    keys = (Key("max_zero", "Share of a class's maps that may be zero everywhere.", 0.05, SHARE),)

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class with more such maps than ``max_zero``."""
        zero = evidence.samples["zero_map"].to_numpy(dtype=float, na_value=np.nan)
        findings = []
        for index in evidence.classes:
            rows = evidence.rows_of_class(index)
            share = float(np.nanmean(zero[rows])) if np.isfinite(zero[rows]).any() else 0.0
            if share <= thresholds["max_zero"]:
                continue
            begin, class_name = class_words(evidence, index)
            findings.append(
                Finding(
                    cls.name,
                    share,
                    f"{begin}: the map is zero everywhere in {percent(share)} of {len(rows)} samples: nothing in the "
                    "target layer speaks for the class there, and these maps explain nothing.",
                    class_name,
                    {"class": index, "samples": len(rows), "share": share},
                    evidence.ids(rows[zero[rows] == 1][: thresholds["exemplars"]]),
                )
            )
        return findings
