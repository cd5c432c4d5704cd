"""How bright and how colourful a photograph is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture

if TYPE_CHECKING:
    from PIL import Image

COLOURS = ("red", "green", "blue")


def colours(picture: Picture) -> dict[str, Value]:
    """Mean and standard deviation of luminance and of each colour, 0 … 1; colours are empty where there are not three.

    Examples
    --------
    >>> from pathlib import Path
    >>> colours(Picture(Path("a.npy"), np.array([[[0.0, 1.0]]]), None))
    {'luminance_mean': 0.5, 'luminance_spread': 0.5}
    """
    found = {"luminance": _mean_and_spread(picture.luminance), **_of_colours(picture.image)}
    return {f"{name}_{statistic}": value for name, values in found.items() for statistic, value in values.items()}


def _of_colours(image: Image.Image | np.ndarray) -> dict[str, dict[str, float]]:
    if isinstance(image, np.ndarray):
        return dict(zip(COLOURS, map(_mean_and_spread, image), strict=True)) if len(image) == len(COLOURS) else {}
    from PIL import ImageStat

    from saliency.readers.colours import in_colours

    converted, scale = in_colours(image, len(COLOURS))
    if converted.mode != "RGB":
        return {}
    # Of 8 bits: from histograms, a hundred times faster than from the values.
    found = ImageStat.Stat(converted)
    numbers = zip(COLOURS, found.mean, found.stddev, strict=True)
    return {name: {"mean": mean / scale, "spread": spread / scale} for name, mean, spread in numbers}


def _mean_and_spread(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean(dtype=np.float64)), "spread": float(values.std(dtype=np.float64))}


COLOUR_FACTS = FactGroup(
    "colours",
    "Mean and standard deviation of luminance and of each colour.",
    tuple(
        Fact(f"{name}_{statistic}", f"{words} of {name}")
        for name in ("luminance", *COLOURS)
        for statistic, words in (("mean", "mean"), ("spread", "standard deviation"))
    ),
    colours,
    "2D",
    content=True,
)
