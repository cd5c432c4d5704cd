"""What lies around the centre, where the object mostly is not."""

from collections.abc import Sequence

import numpy as np

from saliency.audit.interventions.intervention import RegionIntervention, Variant, box

# Sides of the box in the centre that is kept, as shares of a photograph's; of volumes, it holds as large a share.
KEPT = (0.6, 0.75)


class Surround(RegionIntervention):
    """All but a box in the centre."""

    name = "surround"
    title = "surround of the centre"
    verb = "Pasting"
    reference = "that surround"
    version = 2
    order = 20

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """Sizes of the box that is kept.

        Examples
        --------
        >>> [variant.words for variant in Surround.variants((224, 224))][0]
        'surround of the centre (all but 60 % of each side)'
        >>> [variant.name for variant in Surround.variants((64, 64, 64))]
        ['71 %', '83 %']
        """
        sides = [share ** (2 / len(spatial)) for share in KEPT]
        names = [f"{100 * side:.0f} %" for side in sides]
        return [
            Variant(name, f"surround of the centre (all but {name} of each side)", (side,))
            for side, name in zip(sides, names, strict=True)
        ]

    @classmethod
    def region(cls, spatial: Sequence[int], variant: Variant) -> np.ndarray:
        """All but the box."""
        (share,) = variant.numbers
        margins = [round(size * (1 - share) / 2) for size in spatial]
        return ~box(spatial, margins, [size - margin for size, margin in zip(spatial, margins, strict=True)])
