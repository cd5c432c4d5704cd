"""How wide the uniform borders of a photograph are."""

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture
from saliency.audit.facts.picture_size import pixels

# Of luminance, 0 … 1: what JPEG compression may change in a border.
TOLERANCE = 8 / 255
SIDES = {"top": (0, 1), "bottom": (0, -1), "left": (1, 1), "right": (1, -1)}


def border_width(luminance: np.ndarray, axis: int, step: int) -> int:
    r"""Width of the border at one side.

    .. math:: \max \{ w : \max_{i < w, j} Y_{ij} - \min_{i < w, j} Y_{ij} \le 8 / 255 \}

    Parameters
    ----------
    luminance
        ``(h, w)``, 0 … 1.
    axis, step
        Along which axis, and from which end of it: 1 from the first, -1 from the last.

    Returns
    -------
    int
        Outermost rows or columns, in pixels, that are all of one luminance. Where JPEG stores colours at half the
        resolution, they bleed one pixel into a border.

    Examples
    --------
    >>> picture = np.pad(np.eye(4), ((2, 0), (0, 0)), constant_values=0.5)
    >>> border_width(picture, 0, 1), border_width(picture, 0, -1)
    (2, 0)
    """
    highest = np.maximum.accumulate(luminance.max(axis=1 - axis)[::step])
    lowest = np.minimum.accumulate(luminance.min(axis=1 - axis)[::step])
    return int((highest - lowest <= TOLERANCE).sum())


def borders(picture: Picture) -> dict[str, Value]:
    """Width of the border at each side, in pixels."""
    return {f"border_{name}": border_width(picture.luminance, *side) for name, side in SIDES.items()}


BORDERS = FactGroup(
    "borders",
    "Width of uniform borders at each side.",
    tuple(Fact(f"border_{name}", f"width of the border at the {name}", pixels) for name in SIDES),
    borders,
    "2D",
)
