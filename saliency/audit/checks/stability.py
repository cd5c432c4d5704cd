"""The check ``stability``: whether maps stay alike when a little noise is added to the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saliency.audit.checks.check import Check, CheckJob
from saliency.methods.method import Cost
from saliency.registry.fits import integer, number
from saliency.registry.key import Key


class Stability(Check):
    """Rank correlation with the maps of samples with noise, see `saliency.audit.probes.stability`."""

    name = "stability"
    title = "Stability"
    question = "whether the maps stay alike when a little noise is added to the samples"
    summary = "Compares the maps with those of the samples with a little noise; `{}` takes the defaults."
    doing = "Add noise and explain again"
    caption = (
        "Maps are compared with those of the same samples with a little Gaussian noise, for the same class. What noise "
        "that nobody sees changes much is not to be read closely."
    )
    keys = (
        Key("samples", "Number of samples, drawn at random.", 32, integer(1)),
        Key("repeats", "Draws of noise for each sample.", 4, integer(1)),
        Key(
            "noise",
            "Standard deviation of the noise, as a share of that of the sample, as the network sees it.",
            0.1,
            number(above=0),
        ),
    )
    per_target = True
    explains = True
    cost = Cost(shard_copies=0, batch_copies=300, seconds=30)

    @classmethod
    def arrays(cls, methods: Sequence[str]) -> list[str]:
        """Inputs, classes and maps."""
        return ["inputs", "class", *methods]

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """Once for each draw of noise."""
        return int(samples * settings["repeats"])

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write a target's table."""
        from saliency.audit.probes.stability import write_stability

        write_stability(job)
