"""What most of a class's pictures show alike, value by value: logos, labels, borders that are always the same."""

from collections.abc import Sequence

import numpy as np

from saliency.audit.interventions.intervention import Loaded, RegionIntervention, Variant

# Values are alike that differ by at most this share of the range of all pictures: compression changes them a little.
ALIKE = 0.03
# In how many of the class's pictures a pixel has to be alike; in others, at most half as often.
LEAST_SHARE = 0.5
# Fewer pixels than that are no mark, and pictures that share more than that are one picture.
LEAST_PIXELS, MOST_AREA = 16, 0.9
# Pictures of the class, and others, of which the range is taken.
RANGE_OF = 8


class SharedContent(RegionIntervention):
    """The pixels or voxels that are alike in most of the class's pictures, and not in others.

    Two pictures of an object never agree value by value, so what is found like this is not the object: where the class
    cannot do without it, a mark decides.
    """

    name = "shared_content"
    title = "shared content"
    verb = "Pasting"
    reference = "that content"
    order = 35
    beside_the_object = True

    @classmethod
    def variants_of(cls, loaded: Loaded, spatial: Sequence[int], own: np.ndarray, others: np.ndarray) -> list[Variant]:
        """One variant, or none where the class's pictures share nothing."""
        region = shared_region(loaded.pictures(own), loaded.pictures(others))
        if np.count_nonzero(region) < LEAST_PIXELS or region.mean() > MOST_AREA:
            return []
        axes = ("height", "width") if region.ndim == 2 else ("first axis", "second axis", "third axis")
        places = []
        for number, axis in enumerate(axes):
            inside = np.flatnonzero(region.any(axis=tuple(other for other in range(region.ndim) if other != number)))
            low, high = 100 * inside[0] / region.shape[number], 100 * (inside[-1] + 1) / region.shape[number]
            places.append(f"{low:.0f} to {high:.0f} % of the {axis}")
        where = f"{', '.join(places[:-1])} and {places[-1]}"
        return [Variant("alike", f"shared content ({100 * region.mean():.2g} % of the picture: {where})", (region,))]

    @classmethod
    def region(cls, spatial: Sequence[int], variant: Variant) -> np.ndarray:
        """What is alike."""
        (region,) = variant.numbers
        return np.asarray(region)


def shared_region(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    r"""Where a class's pictures agree, and others do not agree with them.

    With the median :math:`m` of the class's pictures and the range :math:`r` between the first and the last percentile
    of some pictures' values, the pixel :math:`i` is shared where :math:`|x_i - m_i| \le 0.03\,r`, in all channels, for
    at least half of the class's pictures, and for at most half as large a share of the others.

    Parameters
    ----------
    own, others
        ``(n, c, *spatial)``.

    Returns
    -------
    ndarray
        ``(*spatial)``, bool.

    Examples
    --------
    >>> own = np.array([[[9, 1, 0, 5]], [[9, 4, 0, 2]], [[9, 7, 0, 8]]])
    >>> shared_region(own, np.array([[[1, 2, 0, 6]], [[7, 5, 0, 3]]])).tolist()
    [True, False, False, False]
    """
    median = np.median(own, axis=0)
    low, high = np.percentile(np.concatenate([own[:RANGE_OF], others[:RANGE_OF]]), [1, 99])
    agreeing = [(np.abs(each - median) <= ALIKE * (high - low)).all(axis=1).mean(axis=0) for each in (own, others)]
    return np.asarray((agreeing[0] >= LEAST_SHARE) & (agreeing[1] <= agreeing[0] / 2))
