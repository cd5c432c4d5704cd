"""What the checks that give properties of pictures to others have in common: the interventions, and their budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saliency.audit.checks.check import CheckOfChanges
from saliency.audit.interventions.registered import interventions

# Input values that the network may see where the config leaves it open: minutes on two cores with a small network.
BUDGET = 1_500_000_000


class InterveningCheck(CheckOfChanges):
    """A check that gives properties of pictures to others, by the setting ``evaluations`` so often at most."""

    @classmethod
    def parts(cls) -> dict[str, int]:
        """The interventions."""
        return {name: kind.version for name, kind in interventions().items()}

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """As many as are allowed, however many samples there are."""
        return int(settings["evaluations"] or max(1, BUDGET // values))
