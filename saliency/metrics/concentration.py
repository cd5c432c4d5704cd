"""How is the map spread over the image? Nothing here needs a mask.

Maps are ``(n, *spatial)`` and not negative: upsampled maps of the audited method, or magnitudes of signed ones. Divided
by its sum (`shares`), each is read as a distribution :math:`p_i` over N pixels or voxels. Results are ``(n,)``,
float64, and NaN where a map is zero everywhere or holds NaN.
"""

from collections.abc import Sequence

import numpy as np

from saliency.metrics.batch import Measured
from saliency.metrics.measure import Measure
from saliency.registry.key import Key

BORDER = Key(
    "border",
    "Width of the frame of `border_energy`, as a share of the image along each axis.",
    0.1,
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
)


def flat(arrays: np.ndarray) -> np.ndarray:
    """Maps or masks ``(n, *spatial)`` as ``(n, N)``."""
    return arrays.reshape(len(arrays), -1)


def shares(maps: np.ndarray) -> np.ndarray:
    """Divide each map by its sum, ``(n, *spatial)``, float64; NaN where there is none.

    Raises
    ------
    ValueError
        If a map has negative values, whose sum would not be an amount.

    Examples
    --------
    >>> shares(np.array([[[1.0, 3.0]]]))
    array([[[0.25, 0.75]]])
    """
    if (maps < 0).any():
        raise ValueError("maps have negative values: pass their magnitude (saliency.metrics.magnitude.magnitude)")
    total = flat(maps).sum(axis=1, dtype=np.float64).reshape(-1, *[1] * (maps.ndim - 1))
    return maps / np.where(total > 0, total, np.nan)


def _shares(measured: Measured) -> np.ndarray:
    return shares(measured.maps)


def _border_width(spatial: Sequence[int], width: float) -> list[int]:
    return [round(width * size) for size in spatial]


def border_energy(p: np.ndarray, width: float) -> np.ndarray:
    r"""Share of the map's sum in a frame along the image's border, 0 … 1; an even map has `border_share`.

    .. math:: \sum_{i \in F} p_i

    Parameters
    ----------
    p
        ``(n, *spatial)``: `shares` of maps.
    width
        Of the frame, as a share of the image's length along each axis (0 < … < 0.5); rounded to whole pixels.

    Examples
    --------
    >>> border_energy(shares(np.array([[[1.0, 0.0, 0.0, 3.0]]]).repeat(4, axis=1)), 0.25)
    array([1.])
    """
    frame = _border_width(p.shape[1:], width)
    inner = tuple(slice(edge, size - edge) for edge, size in zip(frame, p.shape[1:], strict=True))
    return (1 - flat(p[(slice(None), *inner)]).sum(axis=1)).clip(0)


BORDER_ENERGY = Measure(
    name="border_energy",
    title="Energy at the border",
    meaning="Share of the map in a frame along the border, whose width is `border`.",
    values=lambda measured: border_energy(measured.once(_shares), measured.settings[BORDER.name]),
    range=(0, 1),
    chance="border_share",
    keys=(BORDER,),
)


def border_share(spatial: Sequence[int], width: float) -> float:
    """Share of the image that the frame of `border_energy` covers.

    Examples
    --------
    >>> border_share((4, 4), 0.25)
    0.75
    """
    frame = _border_width(spatial, width)
    return float(1 - np.prod([1 - 2 * edge / size for edge, size in zip(frame, spatial, strict=True)]))


def _border_shares(measured: Measured) -> np.ndarray:
    return np.full(len(measured.batch), border_share(measured.batch.spatial, measured.settings[BORDER.name]))


BORDER_SHARE = Measure(
    name="border_share",
    title="Share of the border",
    meaning="Share of the image that the frame along the border covers.",
    values=_border_shares,
    range=(0, 1),
    keys=(BORDER,),
)


def _moments(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the relative position along each axis, ``(n, axes)`` each."""
    axes = range(1, p.ndim)
    mean, variance = np.empty((2, len(p), len(axes)))
    for number, axis in enumerate(axes):
        position = (np.arange(p.shape[axis]) + 0.5) / p.shape[axis]
        marginal = p.sum(axis=tuple(other for other in axes if other != axis))
        mean[:, number] = marginal @ position
        variance[:, number] = (marginal * (position - mean[:, [number]]) ** 2).sum(axis=1)
    return mean, variance


def centroid(p: np.ndarray) -> np.ndarray:
    r"""Centre of mass of `shares`, ``(n, axes)``: along each axis 0 at the image's first edge and 1 at its last.

    .. math:: c_a = \sum_i p_i u_{i,a}, \qquad u_{i,a} = (\text{index} + 1/2) / \text{size}

    Examples
    --------
    >>> centroid(shares(np.array([[[0.0, 0.0, 0.0, 2.0]]])))
    array([[0.5  , 0.875]])
    """
    return _moments(p)[0]


CENTROID = Measure(
    name="centroid",
    title="Centroid",
    meaning="Where the map's centre of mass lies along each axis: 0 at the image's first edge, 1 at its last.",
    values=lambda measured: centroid(measured.once(_shares)),
    range=(0, 1),
    per="axis",
)


def spread(p: np.ndarray) -> np.ndarray:
    r"""Root mean square distance of `shares` from the centroid, each axis measured in lengths of the image.

    .. math:: \sqrt{\sum_i p_i \lVert u_i - c \rVert^2}

    0 for a single point; an even map has :math:`\sqrt{d / 12}` (2D 0.41, 3D 0.5); at most :math:`\sqrt{d} / 2`.

    Examples
    --------
    >>> spread(shares(np.array([[[1.0, 0.0, 0.0, 1.0]]])))
    array([0.375])
    """
    return np.sqrt(_moments(p)[1].sum(axis=1))


SPREAD = Measure(
    name="spread",
    title="Spread",
    meaning="How far the map lies from its centroid, in lengths of the image: 0 for a single point, 0.41 (volumes 0.5) "
    "for an even map.",
    values=lambda measured: spread(measured.once(_shares)),
    range=(0, 3**0.5 / 2),
)


def entropy(p: np.ndarray) -> np.ndarray:
    r"""Shannon entropy of `shares`, divided by its maximum: 0 for a single point, 1 for an even map.

    .. math:: -\frac{1}{\ln N} \sum_i p_i \ln p_i

    Shannon, "A Mathematical Theory of Communication", 1948, https://doi.org/10.1002/j.1538-7305.1948.tb01338.x

    Examples
    --------
    >>> entropy(shares(np.array([[[1.0, 1.0, 0.0, 0.0]]])))
    array([0.5])
    """
    from scipy.special import entr

    return entr(flat(p)).sum(axis=1) / np.log(p[0].size)


ENTROPY = Measure(
    name="entropy",
    title="Entropy",
    meaning="How evenly the map is spread: 0 for a single point, 1 for an even map.",
    values=lambda measured: entropy(measured.once(_shares)),
    range=(0, 1),
)


def gini(maps: np.ndarray) -> np.ndarray:
    r"""Gini index, how unequal the values are: 0 for an even map, :math:`1 - 1/N` for a single point.

    .. math:: 1 - 2 \sum_{k=1}^{N} p_{(k)} \, \frac{N - k + 1/2}{N}, \qquad p_{(1)} \le \dots \le p_{(N)}

    Hurley and Rickard, "Comparing Measures of Sparsity", 2009, https://arxiv.org/abs/0811.4706; for saliency maps
    Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training", 2020,
    https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> gini(np.array([[[0.0, 0.0, 0.0, 5.0]], [[1.0, 1.0, 1.0, 1.0]]]))
    array([0.75, 0.  ])
    """
    # Sorted before it is divided: a map takes half the bytes of its shares.
    ordered = np.sort(flat(maps), axis=1)
    count = ordered.shape[1]
    weights = (count - np.arange(1, count + 1) + 0.5) / count
    return 1 - 2 * (shares(ordered) @ weights)


GINI = Measure(
    name="gini",
    title="Gini index",
    meaning="How unequal the map's values are: 0 for an even map, almost 1 for a single point.",
    values=lambda measured: gini(measured.maps),
    range=(0, 1),
)


def zero_map(maps: np.ndarray) -> np.ndarray:
    """Whether the map is zero everywhere: 1 or 0, NaN where it holds NaN.

    Examples
    --------
    >>> zero_map(np.array([[[0.0, 0.0]], [[0.0, 1.0]], [[np.nan, 0.0]]]))
    array([ 1.,  0., nan])
    """
    values = flat(maps)
    return np.where(np.isnan(values).any(axis=1), np.nan, (values == 0).all(axis=1))


ZERO_MAP = Measure(
    name="zero_map",
    title="Zero map",
    meaning="Whether the map is zero everywhere, which then says nothing.",
    values=lambda measured: zero_map(measured.maps),
    range=(0, 1),
    direction="lower is better",
)
