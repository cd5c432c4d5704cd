"""The check ``randomisation``: whether maps change when the network forgets what it has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from saliency.audit.checks.check import Check, CheckJob
from saliency.methods.method import Cost
from saliency.registry.fits import NULL, TEXT, either, integer, list_of
from saliency.registry.key import Key

if TYPE_CHECKING:
    pass

# Layers of a network, where the config leaves it to the test to find them.
LAYERS = 100


class Randomisation(Check):
    """The cascading randomisation test, see `saliency.metrics.randomisation`."""

    name = "randomisation"
    title = "Randomisation"
    question = "whether the maps change when the network forgets what it has learned"
    summary = "Compares the maps with those of a model with random weights; `{}` takes the defaults."
    doing = "Randomise the layers"
    caption = (
        "Maps are compared with those of the same network whose layers are randomised, from the output downwards. A "
        "method whose maps stay alike does not show what the network has learned."
    )
    keys = (
        Key("samples", "Number of samples, drawn at random.", 16, integer(1)),
        Key(
            "layers",
            "Names of modules, the top one first; a block stands for all layers in it. `null` takes each module with "
            "parameters of its own, in the order in which they run.",
            None,
            either(NULL, list_of(TEXT, 1)),
            "a list of module names, the top one first, or null",
        ),
    )
    per_target = False
    explains = True
    figures: ClassVar[Mapping[str, str]] = {"figure": ""}
    cost = Cost(shard_copies=1, batch_copies=300, seconds=30)

    @classmethod
    def arrays(cls, methods: Sequence[str]) -> list[str]:
        """Inputs, and which of them could be read."""
        return ["inputs", "status"]

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """Once for the intact network, and once for each layer."""
        return samples * (1 + (LAYERS if settings["layers"] is None else len(settings["layers"])))

    @classmethod
    def held(cls, settings: Mapping[str, Any], samples: int) -> int:
        """Most of all where there is one channel."""
        return 40 * samples

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Write a model's table and figure."""
        from saliency.audit.probes.randomisation import write_randomisation

        write_randomisation(job)
