"""What surrounds the object, where a mask says where the object is: background, scene, table."""

from collections.abc import Sequence

import numpy as np

from saliency.audit.interventions.intervention import MaskedIntervention, Variant


class OutsideMask(MaskedIntervention):
    """All that lies outside the mask.

    The source's own object is not pasted: where it would show, there is the mean of what surrounds it.
    """

    name = "outside_mask"
    title = "outside of the mask"
    verb = "Pasting"
    reference = "those surroundings"
    order = 22

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """There is one."""
        return [Variant("all", "surroundings (all outside the mask)", ())]

    @classmethod
    def masked_area(cls, masks: np.ndarray, variant: Variant) -> float:
        """Mean share outside."""
        return float(1 - masks.mean())

    @classmethod
    def give_masked(
        cls,
        targets: np.ndarray,
        sources: np.ndarray,
        variant: Variant,
        target_masks: np.ndarray,
        source_masks: np.ndarray,
    ) -> np.ndarray:
        """Put each target's object before its source's surroundings.

        Examples
        --------
        >>> target, source = np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[5.0, 6.0, 7.0, 9.0]]])
        >>> inside = np.array([[True, False, False, False]]), np.array([[False, False, False, True]])
        >>> OutsideMask.give_masked(target, source, OutsideMask.variants((4,))[0], *inside).tolist()
        [[[1.0, 6.0, 7.0, 6.0]]]
        """
        given = _filled(sources, source_masks[:, np.newaxis], _means(sources, ~source_masks[:, np.newaxis]))
        np.copyto(given, targets, where=target_masks[:, np.newaxis])
        return given

    @classmethod
    def remove_masked(
        cls, pictures: np.ndarray, others: np.ndarray, variant: Variant, masks: np.ndarray, other_masks: np.ndarray
    ) -> np.ndarray:
        """Put each picture's object before the mean of what surrounds those of the others."""
        mean = _means(others, ~other_masks[:, np.newaxis]).mean(axis=0, keepdims=True)
        return _filled(pictures, ~masks[:, np.newaxis], mean)


def _means(x: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean of each picture's channels over a region, ``(n, c, 1, …)``."""
    return x.mean(axis=tuple(range(2, x.ndim)), keepdims=True, where=where)


def _filled(x: np.ndarray, where: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(where, values, x).astype(x.dtype, copy=False)
