"""What facts of the files tell, in words: shared by the findings that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saliency.audit.facts.registered import content_facts, facts
from saliency.audit.findings.words import class_words, percent
from saliency.audit.groups import holm

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence

# Facts that are named: of those that carry at least this share of what the strongest one does, so many.
NAMED, SHARE_OF_STRONGEST = 3, 0.25


@dataclass(frozen=True)
class Told:
    """Significant result of `saliency.audit.leakage.told_by_facts.facts_test`.

    Attributes
    ----------
    gain
        Balanced accuracy less chance.
    share
        Balanced accuracy in words, and the number of samples.
    control
        Interval, chance and p-value, in words.
    carriers
        Sentences on the facts that carry it; a template.
    names
        Texts for the template.
    numbers
        For programs.
    """

    gain: float
    share: str
    control: str
    carriers: str
    names: Mapping[str, str]
    numbers: Mapping[str, object]


def told_by_facts(evidence: Evidence, asked: str, thresholds: Mapping[str, Any]) -> Told | None:
    """What facts of the files tell of the "label" or the "prediction"; None where that is no finding.

    P-values of both tests are corrected together.
    """
    table = evidence.checks.get("facts_test")
    if table is None:
        return None
    results = table[table["fact"] == "all"]
    results = results.assign(p_adjusted=holm(results["p"].to_numpy(dtype=float)))
    row = results[results["asked"] == asked].iloc[0]
    gain = float(row["balanced_accuracy"] - row["chance"])
    # NaN, where there was no test, is below no level.
    if not (row["p_adjusted"] < thresholds["alpha"] and gain >= thresholds["min_difference"]):
        return None
    carriers, names = _carriers(evidence, asked)
    return Told(
        gain,
        f"{percent(row['balanced_accuracy'])} of {int(row['samples'])} samples",
        f"each class counts the same; confidence interval {percent(row['low'])} to {percent(row['high'])}; chance "
        f"{percent(row['chance'])}; corrected p {row['p_adjusted']:.1g}",
        carriers,
        names,
        {
            **{str(name): row[name] for name in ("samples", "classes", "balanced_accuracy", "low", "high", "chance")},
            "p_adjusted": float(row["p_adjusted"]),
            "facts": [name.removeprefix("fact_") for name in names if name.startswith("fact_")],
        },
    )


def _carriers(evidence: Evidence, asked: str) -> tuple[str, dict[str, str]]:
    table = evidence.checks["facts_test"]
    table = table[(table["asked"] == asked) & table["words"].notna()]
    strong = table[table["importance"] > 0].sort_values("importance", ascending=False, kind="stable")
    strong = strong[strong["importance"] >= SHARE_OF_STRONGEST * strong["importance"].max()].head(NAMED)
    sentence, names = " What carries it:", dict[str, str]()
    if strong.empty:
        # Where several facts say the same, none of them is missed.
        sentence = " Several facts carry it, each of which would do without the others, such as:"
        strong = table.loc[table["effect"].abs().sort_values(ascending=False, kind="stable").index].head(NAMED)
    for number, row in enumerate(strong.to_dict("records")):
        begin, class_name = class_words(evidence, int(row["class"]))
        sentence += f"{';' if number else ''} {begin.replace('{class}', f'{{class{number}}}')}: {{fact_{row['fact']}}}"
        names |= {f"class{number}": class_name["class"], f"fact_{row['fact']}": str(row["words"])}
    both = [facts()[name].title for name in strong["fact"] if name in content_facts()]
    note = f" This can also come with the object itself: {', '.join(both)}." if both else ""
    return f"{sentence}.{note}", names
