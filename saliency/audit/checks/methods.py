"""The check ``methods``: which method's maps to believe here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from saliency.audit.checks.check import Check, CheckJob
from saliency.methods.method import Cost
from saliency.registry.fits import integer
from saliency.registry.key import Key


class Methods(Check):
    """A comparison of the run's methods, see `saliency.audit.probes.methods`."""

    name = "methods"
    title = "Methods"
    question = "whether the maps of one method are better than those of another"
    summary = (
        "Compares the run's methods: what `faithfulness`, `stability` and `randomisation` say, of those that are asked "
        "for, where the maps lie, if there are masks, and the cost; `{}` takes the defaults. No network runs."
    )
    doing = "Compare the methods"
    caption = (
        "The run's methods, measured on the same samples: means with 95 % intervals, and paired tests of each two, "
        "corrected by Holm's method over all of them."
    )
    keys = (Key("samples", "Number of samples whose maps are compared with masks, drawn at random.", 100, integer(1)),)
    masks = True
    per_target = True
    reads = ("faithfulness", "stability", "randomisation")
    tables: ClassVar[Mapping[str, str]] = {"table": "", "pairs": "_pairs", "best": "_best"}
    cost = Cost(shard_copies=0, batch_copies=0, seconds=1)

    @classmethod
    def arrays(cls, methods: Sequence[str]) -> list[str]:
        """Classes and maps."""
        return ["class", *methods]

    @classmethod
    def settings_of_others(cls, audit: Mapping[str, Any]) -> list[Any]:
        """Of the tests and the intervals, and by how much a peak may miss a mask."""
        return [audit["findings"]["alpha"], audit["resamples"], audit["tolerance"]]

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """Each map is looked at once."""
        return samples * len(methods)

    @classmethod
    def held(cls, settings: Mapping[str, Any], samples: int) -> int:
        """The maps of one sample, as stored and of one channel, and a map of float64 that is looked at."""
        return 100

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write a target's tables."""
        from saliency.audit.probes.methods import write_methods

        write_methods(job)
