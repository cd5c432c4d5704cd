"""How large a photograph is, upright."""

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture
from saliency.files.in_words import number


def pixels(count: float) -> str:
    """Write a length in pixels.

    Examples
    --------
    >>> pixels(12)
    '12 px'
    """
    return f"{number(count)} px"


def picture_size(picture: Picture) -> dict[str, Value]:
    """Width, height, and the first divided by the second.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> picture_size(Picture(Path("a.npy"), np.zeros((1, 2, 3)), None))
    {'width': 3, 'height': 2, 'aspect': 1.5}
    """
    height, width = picture.luminance.shape
    return {"width": width, "height": height, "aspect": width / height}


PICTURE_SIZE = FactGroup(
    "picture_size",
    "Width and height before resizing and cropping, and their ratio.",
    (Fact("width", "width", pixels), Fact("height", "height", pixels), Fact("aspect", "ratio of width to height")),
    picture_size,
    "2D",
)
