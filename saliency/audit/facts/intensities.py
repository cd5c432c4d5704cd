"""In which range the intensities of a volume lie."""

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Volume

PERCENTILES = {
    "min": (0, "smallest intensity"),
    "p1": (1, "first percentile of the intensities"),
    "median": (50, "median intensity"),
    "p99": (99, "99th percentile of the intensities"),
    "max": (100, "largest intensity"),
}


def intensities(volume: Volume) -> dict[str, Value]:
    """Percentiles 0, 1, 50, 99 and 100 of all finite values, as the header scales them."""
    values = volume.values[np.isfinite(volume.values)]
    levels = [level for level, _ in PERCENTILES.values()]
    found = np.percentile(values, levels).tolist()
    return {f"intensity_{name}": value for name, value in zip(PERCENTILES, found, strict=True)}


INTENSITIES = FactGroup(
    "intensities",
    "Smallest, median and largest intensity, and the first and 99th percentile.",
    tuple(Fact(f"intensity_{name}", title) for name, (_, title) in PERCENTILES.items()),
    intensities,
    "3D",
    content=True,
)
