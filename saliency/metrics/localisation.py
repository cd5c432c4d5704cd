"""Does the map lie on the object? Each measure stands beside what chance would give.

Maps are ``(n, *spatial)`` and not negative: upsampled maps of the audited method, or magnitudes of signed ones. Masks
are bool and of the same shape. Results are ``(n,)``, float64, and NaN where a mask is empty or a map holds NaN. A map
that has the same value everywhere points nowhere: it is no hit, and its other measures are NaN.
"""

import numpy as np

from saliency.metrics.batch import Batch, Measured
from saliency.metrics.concentration import flat
from saliency.metrics.measure import Measure
from saliency.registry.key import Key

# Interpolation leaves equal maxima a few units in the last place apart.
PLATEAU = 1e-6

TOLERANCE = Key(
    "tolerance",
    "Pixels or voxels by which the largest value may miss the mask and still count as a hit of `pointing_hit`.",
    15,
    {"type": "number", "minimum": 0},
)


def _constant(values: np.ndarray) -> np.ndarray:
    return values.min(axis=1) == values.max(axis=1)


def mask_share(masks: np.ndarray) -> np.ndarray:
    """Share of the image that the mask covers: mask area / image area, 0 < … <= 1; NaN where the mask is empty.

    It is what `energy_in_mask` and `rank_accuracy` give for a map that knows nothing.

    Examples
    --------
    >>> mask_share(np.array([[[True, False, False, False]]]))
    array([0.25])
    """
    share = flat(masks).mean(axis=1)
    return np.where(share > 0, share, np.nan)


MASK_SHARE = Measure(
    name="mask_share",
    title="Share of the mask",
    meaning="Share of the image that the mask covers: what chance gives for `energy_in_mask` and `rank_accuracy`.",
    values=lambda measured: mask_share(measured.masks),
    range=(0, 1),
    needs="mask",
)


def energy_in_mask(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    r"""Share of the map's sum that lies inside the mask, 0 … 1; by chance it is `mask_share`.

    .. math:: \frac{\sum_{i \in B} M_i}{\sum_i M_i}

    The energy-based pointing game of Wang et al., "Score-CAM", 2020, https://arxiv.org/abs/1910.01279; the relevance
    mass accuracy of Arras et al., "CLEVR-XAI", 2022, https://arxiv.org/abs/2003.07258

    Examples
    --------
    >>> energy_in_mask(np.array([[[1.0, 3.0]]]), np.array([[[False, True]]]))
    array([0.75])
    """
    values, inside = flat(maps), flat(masks)
    total = values.sum(axis=1, dtype=np.float64)
    covered = np.einsum("ij,ij->i", values, inside, dtype=np.float64)
    usable = inside.any(axis=1) & ~_constant(values) & (total > 0)
    return np.divide(covered, total, out=np.full(len(values), np.nan), where=usable)


def _energy(measured: Measured) -> np.ndarray:
    return energy_in_mask(measured.maps, measured.masks)


ENERGY_IN_MASK = Measure(
    name="energy_in_mask",
    title="Energy in the mask",
    meaning="Share of the map's sum that lies inside the mask.",
    values=lambda measured: measured.once(_energy),
    range=(0, 1),
    direction="higher is better",
    chance="mask_share",
    needs="mask",
)
ENERGY_RATIO = Measure(
    name="energy_ratio",
    title="Energy in the mask, by its share",
    meaning="`energy_in_mask` divided by `mask_share`: how many times more than chance.",
    values=lambda measured: measured.once(_energy) / mask_share(measured.masks),
    range=(0, None),
    direction="higher is better",
    chance=1,
    needs="mask",
)


def rank_accuracy(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    r"""Share of the map's K highest values that lie inside the mask of K pixels, 0 … 1; by chance it is `mask_share`.

    .. math:: \frac{|P_K \cap B|}{K}, \qquad K = |B|

    Where several pixels tie for the last places in :math:`P_K`, each counts with its probability of being drawn.

    Arras et al., "CLEVR-XAI: A Benchmark Dataset for the Ground Truth Evaluation of Neural Network Explanations", 2022,
    https://arxiv.org/abs/2003.07258

    Examples
    --------
    >>> rank_accuracy(np.array([[[4.0, 3.0, 2.0, 1.0]]]), np.array([[[True, False, True, False]]]))
    array([0.5])
    """
    values, inside = flat(maps), flat(masks)
    result = np.full(len(values), np.nan)
    for number in np.flatnonzero(inside.any(axis=1) & ~np.isnan(values).any(axis=1) & ~_constant(values)):
        ranked, mask = values[number], inside[number]
        size = np.count_nonzero(mask)
        lowest = np.partition(ranked, -size)[-size]
        above, tied = ranked > lowest, ranked == lowest
        places = size - np.count_nonzero(above)
        drawn = places * np.count_nonzero(tied & mask) / np.count_nonzero(tied)
        result[number] = (np.count_nonzero(above & mask) + drawn) / size
    return result


def _rank_accuracy(measured: Measured) -> np.ndarray:
    return rank_accuracy(measured.maps, measured.masks)


RANK_ACCURACY = Measure(
    name="rank_accuracy",
    title="Rank accuracy",
    meaning="Of as many of the map's largest values as the mask has pixels, the share inside the mask.",
    values=lambda measured: measured.once(_rank_accuracy),
    range=(0, 1),
    direction="higher is better",
    chance="mask_share",
    needs="mask",
)


def dilate(masks: np.ndarray, tolerance: float) -> np.ndarray:
    """Grow masks by all pixels whose centres lie within `tolerance` pixels (Euclidean) of one of the mask's.

    Examples
    --------
    >>> dilate(np.array([[[True, False, False, False]]]), 2).tolist()
    [[[True, True, True, False]]]
    """
    from scipy.ndimage import distance_transform_edt, find_objects

    grown = np.zeros(masks.shape, dtype=bool)
    margin = int(np.ceil(tolerance))
    for mask, result in zip(masks, grown, strict=True):
        for box in find_objects(mask.astype(np.int8)):
            near = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in box)
            result[near] = distance_transform_edt(~mask[near]) <= tolerance
    return grown


def _dilated(batch: Batch) -> np.ndarray:
    return dilate(batch.masks, batch.settings[TOLERANCE.name])


def pointing_hit(maps: np.ndarray, dilated: np.ndarray) -> np.ndarray:
    """Whether the map's maximum lies on the object: 1 or 0; where several maxima tie, the share of them that does.

    The pointing game of Zhang et al., "Top-down Neural Attention by Excitation Backprop", 2018,
    https://arxiv.org/abs/1608.00507, who allow 15 pixels. Bilinear upsampling continues a maximum at the border of
    the feature map as a plateau, so ties are common. By chance it is `pointing_random`.

    Parameters
    ----------
    maps
        ``(n, *spatial)``.
    dilated
        Masks with the tolerance around them, from `dilate`.

    Examples
    --------
    >>> mask = np.array([[[True, False, False, False]]])
    >>> pointing_hit(np.array([[[0.0, 5.0, 1.0, 5.0]]]), dilate(mask, 1))
    array([0.5])
    """
    values, inside = flat(maps), flat(dilated)
    highest = values.max(axis=1, keepdims=True)
    maxima = values >= highest - PLATEAU * np.abs(highest)
    hits = np.count_nonzero(maxima & inside, axis=1) / np.maximum(1, np.count_nonzero(maxima, axis=1))
    hits[_constant(values)] = 0
    return np.where(inside.any(axis=1) & ~np.isnan(highest[:, 0]), hits, np.nan)


POINTING_HIT = Measure(
    name="pointing_hit",
    title="Pointing game",
    meaning="Whether the map's largest value lies in the mask, or at most `tolerance` away.",
    values=lambda measured: pointing_hit(measured.maps, measured.batch.once(_dilated)),
    range=(0, 1),
    direction="higher is better",
    chance="pointing_random",
    needs="mask",
    keys=(TOLERANCE,),
)


def pointing_hit_centre(dilated: np.ndarray) -> np.ndarray:
    """`pointing_hit` of the image's centre, the baseline that photographs make strong: their object is in the middle.

    Along an axis of even length both middle pixels count half.

    Examples
    --------
    >>> pointing_hit_centre(np.array([[[False, True, False, False]]]))
    array([0.5])
    """
    middle = tuple(slice((size - 1) // 2, size // 2 + 1) for size in dilated.shape[1:])
    hits = flat(dilated[(slice(None), *middle)]).mean(axis=1)
    return np.where(flat(dilated).any(axis=1), hits, np.nan)


POINTING_HIT_CENTRE = Measure(
    name="pointing_hit_centre",
    title="Pointing game of the centre",
    meaning="`pointing_hit` of the image's centre, which photographs favour.",
    values=lambda measured: pointing_hit_centre(measured.batch.once(_dilated)),
    range=(0, 1),
    chance="pointing_random",
    needs="mask",
    keys=(TOLERANCE,),
)


def pointing_random(dilated: np.ndarray) -> np.ndarray:
    """Expected `pointing_hit` of a uniformly random point: the share of the image that mask and tolerance cover."""
    return mask_share(dilated)


POINTING_RANDOM = Measure(
    name="pointing_random",
    title="Pointing game of a random point",
    meaning="`pointing_hit` of a random point, on average.",
    values=lambda measured: pointing_random(measured.batch.once(_dilated)),
    range=(0, 1),
    needs="mask",
    keys=(TOLERANCE,),
)


def iou(accuracy: np.ndarray) -> np.ndarray:
    r"""Intersection over union of the mask and the map's K highest values, as many as the mask has pixels; 0 … 1.

    No threshold has to be chosen: the map is cut at its own quantile. The intersection is :math:`aK`, with the
    `rank_accuracy` a, so that

    .. math:: \frac{|P_K \cap B|}{|P_K \cup B|} = \frac{aK}{2K - aK} = \frac{a}{2 - a}

    By chance it is `iou_random`.

    Parameters
    ----------
    accuracy
        ``(n,)``: `rank_accuracy` of maps and masks.

    Examples
    --------
    >>> maps, masks = np.array([[[4.0, 3.0, 2.0, 1.0]]]), np.array([[[True, False, True, False]]])
    >>> iou(rank_accuracy(maps, masks)).round(3)
    array([0.333])
    """
    return accuracy / (2 - accuracy)


IOU = Measure(
    name="iou",
    title="Intersection over union",
    meaning="Overlap of the mask with as many of the map's largest values as the mask has pixels.",
    values=lambda measured: iou(measured.once(_rank_accuracy)),
    range=(0, 1),
    direction="higher is better",
    chance="iou_random",
    needs="mask",
)


def iou_random(masks: np.ndarray) -> np.ndarray:
    r"""`iou` of a random choice of pixels, from its expected intersection: :math:`s / (2 - s)` for a `mask_share` s.

    Examples
    --------
    >>> iou_random(np.array([[[True, False]]])).round(3)
    array([0.333])
    """
    return iou(mask_share(masks))


IOU_RANDOM = Measure(
    name="iou_random",
    title="Intersection over union of random pixels",
    meaning="`iou` of random pixels.",
    values=lambda measured: iou_random(measured.masks),
    range=(0, 1),
    needs="mask",
)
