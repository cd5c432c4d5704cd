"""Groups of the manifest in which a measure, or the mean map, differs from the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.audit.findings.finding import SHARE, Finding, FindingKind
from saliency.audit.findings.words import percent
from saliency.audit.groups import holm
from saliency.registry.key import Key

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class GroupFinding(FindingKind):
    """The score is the size of the largest effect: Cliff's delta, or the distance of the mean maps.

    Notes
    -----
    A delta of 0.33 is called medium (Romano et al., "Appropriate statistics for ordinal level data", 2006).
    """

    name = "group"
    title = "group that differs"
    summary = "A measure, or the mean map, of a group of the manifest differs from that of all other samples."
    version = 1
    reads = frozenset({"tests", "map_tests"})
    precedence = 30
    keys = (
        Key("min_effect", "Cliff's delta of a group, without its sign.", 0.33, SHARE),
        Key("min_distance", "Total variation between a group's mean map and that of the rest.", 0.1, SHARE),
    )

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each group with an effect; the p-values of mean maps are corrected here."""
        tests, alpha = evidence.tests, thresholds["alpha"]
        strong = tests[(tests["p_adjusted"] < alpha) & (tests["effect"].abs() >= thresholds["min_effect"])]
        maps = evidence.map_tests
        maps = maps.assign(p_adjusted=holm(maps["p"].to_numpy(dtype=float)))
        moved = maps[(maps["p_adjusted"] < alpha) & (maps["distance"] >= thresholds["min_distance"])]
        findings = []
        for column, group in dict.fromkeys(
            [(row["column"], row["group"]) for table in (strong, moved) for _, row in table.iterrows()]
        ):
            rows = strong[(strong["column"] == column) & (strong["group"] == group)]
            rows = rows.loc[rows["effect"].abs().sort_values(ascending=False, kind="stable").index]
            own = moved[(moved["column"] == column) & (moved["group"] == group)]
            parts = [
                f"{row['measure']} is {row['mean']:.3g} on average in these {row['count']} samples and "
                f"{row['mean_rest']:.3g} in the other {row['rest']} (Cliff's delta {row['effect']:.2f}, corrected p "
                f"{row['p_adjusted']:.1g})"
                for _, row in rows.head(1).iterrows()
            ]
            parts += [
                f"the mean map has {percent(row['distance'])} of its energy at other places (corrected p "
                f"{row['p_adjusted']:.1g})"
                for _, row in own.iterrows()
            ]
            further = f" These measures differ as well: {', '.join(rows['measure'][1:])}." if len(rows) > 1 else ""
            findings.append(
                Finding(
                    cls.name,
                    float(max([*rows["effect"].abs(), *own["distance"]])),
                    "Where {column} is {group}, the maps differ from those of the other samples: "
                    f"{', and '.join(parts)}.{further}",
                    {"column": str(column), "group": str(group)},
                    {
                        "column": str(column),
                        "group": str(group),
                        "measures": rows.drop(columns=["column", "group"]).to_dict("records"),
                        "map": own[["distance", "p_adjusted"]].to_dict("records"),
                    },
                )
            )
        return findings
