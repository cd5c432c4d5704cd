"""What lies in the box on which a prediction rests most: logos and labels, wherever they are."""

from collections.abc import Sequence

import numpy as np

from saliency.audit.interventions.intervention import PlacedIntervention, Variant
from saliency.audit.interventions.window import grid_of_boxes

# Side of a box as a share of the picture's, and boxes along each axis; of volumes there would be too many.
SIDE, PER_AXIS = 0.3, 5
SIDE_3D, PER_AXIS_3D = 0.36, 3
# In small pictures a box holds a stroke rather than a mark, and of digits a stroke makes another digit.
LEAST_PIXELS = 16


class Patch(PlacedIntervention):
    """The box whose removal costs the prediction most, cut out of each source."""

    name = "patch"
    title = "decisive patch"
    reference = "that patch"
    verb = "Pasting"
    order = 28

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """In the place from which it is cut, and elsewhere; none where boxes have fewer than 16 pixels along a side.

        Examples
        --------
        >>> [variant.name for variant in Patch.variants((224, 224))]
        ['in place', 'elsewhere']
        >>> Patch.variants((32, 32))
        []
        """
        (begin, end), *_ = cls.boxes(spatial)
        if min(high - low for low, high in zip(begin, end, strict=True)) < LEAST_PIXELS:
            return []
        words = "decisive patch (the box on which each prediction rests most{})"
        return [
            Variant("in place", words.format(""), (True,)),
            Variant("elsewhere", words.format(", in another place"), (False,)),
        ]

    @classmethod
    def area(cls, spatial: Sequence[int], variant: Variant) -> float:
        """The box's share of the picture."""
        (begin, end), *_ = cls.boxes(spatial)
        return float(np.prod([(high - low) / size for low, high, size in zip(begin, end, spatial, strict=True)]))

    @classmethod
    def boxes(cls, spatial: Sequence[int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Boxes over the whole picture, which overlap.

        Examples
        --------
        >>> len(Patch.boxes((224, 224))), len(Patch.boxes((64, 64, 64)))
        (25, 27)
        """
        return grid_of_boxes(spatial, *((SIDE, PER_AXIS) if len(spatial) < 3 else (SIDE_3D, PER_AXIS_3D)))

    @classmethod
    def give_placed(cls, targets: np.ndarray, sources: np.ndarray, variant: Variant, places: np.ndarray) -> np.ndarray:
        """Paste each source's box; elsewhere is the box half of the list further on.

        Examples
        --------
        >>> target, source = np.zeros((1, 1, 60)), np.arange(60.0).reshape(1, 1, 60)
        >>> given = Patch.give_placed(target, source, Patch.variants((60,))[1], np.array([0]))
        >>> np.flatnonzero(given)[[0, -1]].tolist()
        [33, 49]
        """
        (in_place,) = variant.numbers
        boxes = [tuple(slice(*ends) for ends in zip(*found, strict=True)) for found in cls.boxes(targets.shape[2:])]
        given = targets.copy()
        for number, place in enumerate(places.tolist()):
            to = place if in_place else (place + (len(boxes) + 1) // 2) % len(boxes)
            given[number][(slice(None), *boxes[to])] = sources[number][(slice(None), *boxes[place])]
        return given
