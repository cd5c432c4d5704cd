"""The check ``degradation``: which predictions change when pictures get worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency.audit.checks.check import SMALLEST, CheckJob, CheckOfPredictions
from saliency.audit.degradations.registered import degradations
from saliency.audit.findings.words import counted
from saliency.methods.method import Cost
from saliency.registry.fits import integer
from saliency.registry.key import Key

if TYPE_CHECKING:
    import pandas as pd


class Degradation(CheckOfPredictions):
    """A sweep over degradations, see `saliency.audit.probes.degradation`."""

    name = "degradation"
    title = "Degradation sweep"
    question = "which predictions change when pictures get worse"
    summary = (
        "Makes pictures worse (resolution, compression, tint, shift, …), and counts the predictions that change, by "
        "the class to which they go; `null` leaves it out."
    )
    doing = "Make pictures worse"
    caption = (
        "Pictures are made worse in ways that leave the object what it is. Where most of the changed predictions go to "
        "one class, the model takes that defect for a sign of it."
    )
    keys = (Key("samples", "Number of audited samples, drawn at random.", 96, integer(1)),)
    cost = Cost(shard_copies=1, batch_copies=150, seconds=10)

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """Once for each degradation and level."""
        return min(samples, settings["samples"]) * sum(len(one.levels) for one in degradations().values())

    @classmethod
    def held(cls, settings: Mapping[str, Any], samples: int) -> int:
        """The pictures, and what a degradation makes of them."""
        return 6 * min(samples, int(settings["samples"]))

    @classmethod
    def parts(cls) -> dict[str, int]:
        """The degradations."""
        return {name: one.version for name, one in degradations().items()}

    @classmethod
    def told(cls, table: pd.DataFrame, thresholds: Mapping[str, Any]) -> dict[str, object]:
        """Degradations, pictures, and the smallest effect that they could show."""
        changes = len(table.drop_duplicates(["degradation", "level"]))
        if not changes:
            return {"changes": 0}
        smallest = cls.smallest_share(len(table), max(1, int(table["targets"].max())), thresholds)
        return {"changes": changes, "pictures": int(table["samples"].max()), SMALLEST: smallest}

    @classmethod
    def looked(cls, told: Mapping[str, Any]) -> str:
        """Degradations, pictures, and the smallest share of pictures that would be found.

        Examples
        --------
        >>> told = {"changes": 22, "pictures": 96, SMALLEST: 0.3}
        >>> print(Degradation.looked(told))  # doctest: +NORMALIZE_WHITESPACE
        96 pictures got worse in 22 ways. One that turns 30 % of the others into a class would have been found, a weaker
        one not.
        """
        if not told["changes"]:
            return "No picture was made worse: none has a predicted class."
        made = f"{counted(told['pictures'], 'picture')} got worse in {counted(told['changes'], 'way')}"
        return f"{made}. {cls.found_from(told, 'others into a class')}"

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write a model's sweep, its figure and its pictures."""
        from saliency.audit.probes.degradation import write_degradation

        write_degradation(job)
