"""How large the report's pictures are."""

import math
from collections.abc import Sequence

from saliency.experiment.plan import Plan

# Longest sides of a report's pictures and volumes to choose from: few, so that a larger manifest seldom changes it.
REPORT_SIDES = {2: (224, 160, 112, 80, 56, 40, 28), 3: (128, 96, 64, 48, 32, 24, 16)}
# What a report's pictures may take up together, and each of their values on average: in the demo 0.19 to 0.24.
REPORT_BYTES = 120_000_000
VALUE_BYTES = 0.3


def report_shape(spatial: Sequence[int], side: int) -> list[int]:
    """Shape in which the report shows a sample whose longest side may be `side`; none is enlarged.

    Examples
    --------
    >>> report_shape([200, 100], 50), report_shape([28, 28], 224)
    ([50, 25], [28, 28])
    """
    scale = min(1, side / max(spatial))
    return [max(1, round(size * scale)) for size in spatial]


def report_side(plan: Plan) -> int:
    """Longest side of the report's pictures, in pixels or voxels; smaller samples keep their size."""
    side: int | str = plan.config["report"]["side"]
    if isinstance(side, int):
        return side
    layers = 1 + len(plan.targets) * len(plan.methods)

    def size(side: int) -> float:
        shapes = [report_shape(plan.spatial_shape(model), side) for model in plan.models]
        return len(plan.samples) * layers * sum(map(math.prod, shapes)) * VALUE_BYTES

    sides = REPORT_SIDES[plan.ndim]
    return next((side for side in sides if size(side) <= REPORT_BYTES), sides[-1])
