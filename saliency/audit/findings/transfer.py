"""Properties of a class's pictures that turn others into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import class_name, percent
from saliency.registry.fits import number
from saliency.registry.key import Key

if TYPE_CHECKING:
    import pandas as pd

    from saliency.audit.evidence import Evidence

# A class misses a property without which its recall falls by so much.
MISSED = 0.2


class TransferFinding(FindingKind):
    """The score is the share of the targets that turn into the class beyond those of the control."""

    name = "transfer"
    title = "a property decides"
    summary = "Giving a property of a class's pictures to others turns them into the class."
    version = 2
    reads = frozenset({"checks"})
    keys = (
        Key(
            "min_per_area",
            "`min_turned` of a property that is all of the picture, in proportion of one that is a part of it: what "
            "covers much of a picture carries the object as well.",
            1.0,
            number(0, 1),
        ),
        Key(
            "min_excess",
            "By how much that share has to lie above the median of the other classes, if there are two or more: what "
            "surrounds an object tells something of it in every class.",
            0.15,
            number(0, 1),
        ),
        Key(
            "min_unmissed",
            "`min_turned` of a property without which the class's recall falls by less than 20 %: it may be an object "
            "that is often there.",
            0.5,
            number(0, 1),
        ),
    )
    consequence = True
    precedence = 4

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each class and intervention: the variant with the strongest effect."""
        if cls.name not in evidence.checks:
            return []
        table = evidence.checks[cls.name]
        table = table[table["p"].notna()].copy()
        table["others"] = [_median_of_others(table, test) for test in table.itertuples()]
        # Shares of a few pictures: 0.9 - 0.7 is less than 0.2.
        unmissed = table["recall_before"] - table["recall_after"] < MISSED - 1e-9
        least = np.maximum(thresholds["min_turned"], thresholds["min_per_area"] * table["area"])
        least = np.maximum(least, np.where(unmissed, thresholds["min_unmissed"], 0))
        table = table[
            (table["p_adjusted"] < thresholds["alpha"])
            & (table["effect"] >= least)
            & (table["effect"] - table["others"] >= thresholds["min_excess"])
        ].sort_values("effect", ascending=False, kind="stable")
        best = table.drop_duplicates(["class", "intervention"])
        return [_finding(evidence, row, test) for row, test in best.to_dict("index").items()]


def _median_of_others(table: pd.DataFrame, test: Any) -> float:
    """Median effect of an intervention in the other classes, of each its strongest variant.

    0 where fewer than two others are tested: of two classes, what turns pictures into one turns them out of the other.
    """
    others = table[(table["intervention"] == test.intervention) & (table["class"] != test[1])]
    strongest = others.groupby("class")["effect"].max()
    return float(strongest.median()) if len(strongest) > 1 else 0.0


def _finding(evidence: Evidence, row: int, test: Mapping[str, Any]) -> Finding:
    index = int(test["class"])
    found = class_name(evidence, index)
    name = f"'{found}'" if found else str(index)
    removed = (
        f" Without it, recall of class {{class}} falls from {percent(test['recall_before'])} to "
        f"{percent(test['recall_after'])} ({test['own']} pictures)."
        if np.isfinite(test["recall_after"]) and test["recall_after"] < test["recall_before"]
        else ""
    )
    return Finding(
        TransferFinding.name,
        float(test["effect"]),
        f"{test['verb']} the {test['words']} of class {{class}} pictures to {test['targets']} others turns "
        f"{test['turned']} of them into class {{class}} ({test['control_turned']} with those of other classes, "
        f"corrected p {test['p_adjusted']:.1g}).{removed}",
        {"class": name},
        {
            "class": index,
            "effect": float(test["effect"]),
            **{key: int(test[key]) for key in ("targets", "turned", "control_turned", "sources", "own")},
            **{key: test[key] for key in ("intervention", "variant", "p_adjusted", "recall_before", "recall_after")},
        },
        [str(test["source"]), str(test["target"])],
        (TransferFinding.name, int(row)),
    )
