"""Photographs that come twice: in several splits, or with several labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import percent

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class DuplicatesFinding(FindingKind):
    """The score is the share of audited samples that have such a near duplicate."""

    name = "duplicates"
    title = "photographs that come twice"
    summary = "Nearly the same photograph lies in several splits, or has several labels."
    version = 1
    reads = frozenset({"checks"})
    precedence = 90

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each column of the manifest in which near duplicates differ, with the first target."""
        table = evidence.checks.get("duplicates")
        if table is None:
            return []
        findings = []
        for column, pairs in table.groupby("column", sort=False):
            audited = evidence.samples["id"].astype(str)
            concerned = audited[audited.isin(pd.concat([pairs["id"], pairs["other"]]))]
            if concerned.empty:
                continue
            share, closest = len(concerned) / len(audited), pairs.iloc[0]
            shown = list(dict.fromkeys(pairs[["id", "other"]].to_numpy().ravel()))[: thresholds["exemplars"]]
            consequence = (
                "one of the two labels is wrong, or the picture shows both classes"
                if column == "label"
                else "results on one side are those of pictures that are known from the other"
            )
            findings.append(
                Finding(
                    cls.name,
                    share,
                    f"{len(concerned)} of {len(audited)} samples ({percent(share)}) are nearly the same photograph as "
                    f"another one with another {{column}}, such as {{first}} ({{group}}) and {{second}} "
                    f"({{other_group}}), whose perceptual hashes differ in {int(closest['bits'])} of 64 bits: "
                    f"{consequence}.",
                    {
                        "column": str(column),
                        "first": str(closest["id"]),
                        "second": str(closest["other"]),
                        "group": str(closest["group"]),
                        "other_group": str(closest["other_group"]),
                    },
                    {"differs_in": str(column), "samples": len(concerned), "pairs": len(pairs), "share": share},
                    shown,
                )
            )
        return findings
