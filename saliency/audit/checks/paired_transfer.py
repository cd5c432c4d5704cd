"""The check ``paired_transfer``: transfer tests of all models of a run on the same pairs of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.intervening import BUDGET, InterveningCheck
from saliency.methods.method import Cost
from saliency.registry.fits import NULL, either, integer
from saliency.registry.key import Key


class PairedTransfer(InterveningCheck):
    """What each model makes of the same changed pictures, see `saliency.audit.probes.paired_transfer`."""

    name = "paired_transfer"
    title = "Paired transfer tests"
    question = "whether a property turns pictures into a class in one model more than in another"
    summary = (
        "Of several models: gives properties of a class's pictures to others, the same pairs for every model, so that "
        "the page can say in which model they decide more; `{}` takes the defaults."
    )
    doing = "Give properties of each class to the same other pictures"
    caption = (
        "A property of one picture, the source, is given to another one, the target. Labels alone choose the pairs, so "
        "that every model of the run sees the same ones; a row says what this model makes of the target before and "
        "after."
    )
    keys = (
        Key(
            "evaluations",
            "Largest number of pictures that each network sees; classes with more samples come first. `null` takes as "
            f"many as have {BUDGET / 1e9:g} billion values.",
            None,
            either(NULL, integer(1)),
            "an integer ≥ 1, or null",
        ),
        Key("targets", "Pictures of other classes that are changed in each test.", 48, integer(6)),
        Key("sources", "Pictures of the class whose properties are given.", 24, integer(1)),
    )
    of_several = True
    cost = Cost(shard_copies=2, batch_copies=150, seconds=10)

    @classmethod
    def held(cls, settings: Mapping[str, Any], samples: int) -> int:
        """Sources, targets and changed targets of one class, and copies in which what they share is found."""
        return int(3 * settings["sources"] + 5 * settings["targets"])

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write what a model makes of each pair."""
        from saliency.audit.probes.paired_transfer import write_paired_transfer

        write_paired_transfer(job)
