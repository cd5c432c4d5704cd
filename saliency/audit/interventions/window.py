"""What lies in one window: logos, labels, tubes that are always in the same place."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from saliency.audit.interventions.intervention import RegionIntervention, Variant, box

# Side of a window as a share of the picture's, and windows along each axis.
SIDE, PER_AXIS = 0.36, 4


class Window(RegionIntervention):
    """A window on a grid, pasted in place."""

    name = "window"
    title = "window"
    verb = "Pasting"
    reference = "that window"
    order = 30
    screened = True

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """Windows over the whole picture, which overlap.

        Examples
        --------
        >>> len(Window.variants((224, 224))), Window.variants((224, 224))[0].words
        (16, 'window from 0 to 36 % of the height and from 0 to 36 % of the width')
        """
        found = []
        axes = ("height", "width") if len(spatial) == 2 else ("first axis", "second axis", "third axis")
        for begin, end in grid_of_boxes(spatial, SIDE, PER_AXIS):
            shares = [
                (f"{100 * low / size:.0f}", f"{100 * high / size:.0f} %")
                for low, high, size in zip(begin, end, spatial, strict=True)
            ]
            places = [f"from {low} to {high} of the {axis}" for (low, high), axis in zip(shares, axes, strict=True)]
            words = "window " + " and ".join([", ".join(places[:-1]), places[-1]] if len(places) > 2 else places)
            found.append(Variant(" x ".join(f"{low}-{high}" for low, high in shares), words, (begin, end)))
        return found

    @classmethod
    def region(cls, spatial: Sequence[int], variant: Variant) -> np.ndarray:
        """The window."""
        return box(spatial, *variant.numbers)


def grid_of_boxes(spatial: Sequence[int], share: float, per_axis: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Begin and end of boxes that cover a picture evenly.

    Parameters
    ----------
    spatial
        Shape of the picture.
    share
        Side of a box as a share of the picture's.
    per_axis
        Boxes along each axis; fewer where they would begin at the same pixel.

    Examples
    --------
    >>> grid_of_boxes((10,), 0.4, 3)
    [((0,), (4,)), ((3,), (7,)), ((6,), (10,))]
    """
    sides = [max(1, round(share * size)) for size in spatial]
    starts = [
        sorted({round(place * (size - side) / (per_axis - 1)) for place in range(per_axis)})
        for size, side in zip(spatial, sides, strict=True)
    ]
    return [(begin, tuple(low + side for low, side in zip(begin, sides, strict=True))) for begin in product(*starts)]
