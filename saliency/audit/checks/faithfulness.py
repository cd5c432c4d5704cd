"""The check ``faithfulness``: whether the score falls where a map says that it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from saliency.audit.checks.check import Check, CheckJob
from saliency.methods.method import Cost
from saliency.metrics.baselines import BASELINES
from saliency.registry.fits import choice, integer, list_of
from saliency.registry.key import Key

if TYPE_CHECKING:
    pass


class Faithfulness(Check):
    """Deletion and insertion, see `saliency.metrics.faithfulness`."""

    name = "faithfulness"
    title = "Faithfulness"
    question = "whether the score falls where a map says that it should"
    summary = "Takes pixels away in the order of a map, and brings them back; `{}` takes the defaults."
    doing = "Delete and insert pixels"
    caption = (
        "Pixels are taken away, or brought back, in the order of each map, and in random order. A map that finds what "
        "counts lies below random in deletion and above it in insertion."
    )
    keys = (
        Key("samples", "Number of samples, drawn at random.", 100, integer(1)),
        Key("steps", "Equal shares in which pixels are taken away.", 20, integer(2)),
        Key(
            "baselines",
            "What stands in for them, in what the network sees: "
            + "; ".join(f"`{name}`, {baseline.meaning}" for name, baseline in BASELINES.items())
            + ".",
            ["mean"],
            list_of(choice(*BASELINES), 1, unique=True),
        ),
    )
    per_target = True
    tables: ClassVar[Mapping[str, str]] = {"table": "", "curves": "_curves"}
    figures: ClassVar[Mapping[str, str]] = {"figure": ""}
    cost = Cost(shard_copies=4, batch_copies=150, seconds=10)

    @classmethod
    def arrays(cls, methods: Sequence[str]) -> list[str]:
        """Inputs, classes and maps."""
        return ["inputs", "class", *methods]

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """Of all methods and of the random order, one curve each way."""
        return int(samples * len(settings["baselines"]) * (len(methods) + 1) * 2 * settings["steps"])

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write a target's areas, mean curves, and their figure."""
        from saliency.audit.probes.faithfulness import write_faithfulness

        write_faithfulness(job)
