"""What lies along the edges: letterboxes, frames, rulers, timestamps."""

from collections.abc import Sequence

import numpy as np

from saliency.audit.interventions.intervention import RegionIntervention, Variant, box

# Widths as shares of each side of a photograph; of volumes, a frame is as large a share of the whole.
WIDTHS = (0.04, 0.09, 0.16)


class Frame(RegionIntervention):
    """The outer frame, in several widths."""

    name = "frame"
    title = "outer frame"
    verb = "Pasting"
    reference = "that frame"
    version = 2
    order = 10

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """Widths in shares of each side; at least one pixel, and no two that are the same.

        Examples
        --------
        >>> [variant.name for variant in Frame.variants((224, 224))]
        ['4 %', '9 %', '16 %']
        >>> [variant.name for variant in Frame.variants((64, 64, 64))]
        ['3 %', '6 %', '11 %']
        """
        found: dict[tuple[int, ...], str] = {}
        for share in ((1 - (1 - 2 * width) ** (2 / len(spatial))) / 2 for width in WIDTHS):
            widths = tuple(max(1, round(share * size)) for size in spatial)
            if all(2 * width < size for width, size in zip(widths, spatial, strict=True)):
                found.setdefault(widths, f"{100 * share:.0f} %")
        return [Variant(name, f"outer frame ({name} of each side)", widths) for widths, name in found.items()]

    @classmethod
    def region(cls, spatial: Sequence[int], variant: Variant) -> np.ndarray:
        """All but the box that the frame surrounds."""
        ends = [size - width for size, width in zip(spatial, variant.numbers, strict=True)]
        return ~box(spatial, variant.numbers, ends)
