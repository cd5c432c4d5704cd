"""How is the map spread over the image? Nothing here needs a mask.

Maps are ``(n, *spatial)`` and not negative: upsampled Grad-CAMs, or magnitudes of guided maps. Divided by its sum, each
is read as a distribution :math:`p_i` over N pixels or voxels. Results are ``(n,)``, float64, and NaN where a map is
zero everywhere or holds NaN.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import entr


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
        raise ValueError("maps have negative values: pass their magnitude (saliency.metrics.similarity.magnitude)")
    total = flat(maps).sum(axis=1, dtype=np.float64).reshape(-1, *[1] * (maps.ndim - 1))
    return maps / np.where(total > 0, total, np.nan)


def _border_width(spatial: Sequence[int], width: float) -> list[int]:
    return [round(width * size) for size in spatial]


def border_energy(maps: np.ndarray, width: float) -> np.ndarray:
    r"""Share of the map's sum in a frame along the image's border, 0 … 1; an even map has `border_share`.

    .. math:: \sum_{i \in F} p_i

    Parameters
    ----------
    maps
        ``(n, *spatial)``.
    width
        Of the frame, as a share of the image's length along each axis (0 < … < 0.5); rounded to whole pixels.

    Examples
    --------
    >>> border_energy(np.array([[[1.0, 0.0, 0.0, 3.0]]]).repeat(4, axis=1), 0.25)
    array([1.])
    """
    frame = _border_width(maps.shape[1:], width)
    inner = tuple(slice(edge, size - edge) for edge, size in zip(frame, maps.shape[1:], strict=True))
    return (1 - flat(shares(maps)[(slice(None), *inner)]).sum(axis=1)).clip(0)


def border_share(spatial: Sequence[int], width: float) -> float:
    """Share of the image that the frame of `border_energy` covers.

    Examples
    --------
    >>> border_share((4, 4), 0.25)
    0.75
    """
    frame = _border_width(spatial, width)
    return float(1 - np.prod([1 - 2 * edge / size for edge, size in zip(frame, spatial, strict=True)]))


def _moments(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the relative position along each axis, ``(n, axes)`` each."""
    weights = shares(maps)
    axes = range(1, maps.ndim)
    mean, variance = np.empty((2, len(maps), len(axes)))
    for number, axis in enumerate(axes):
        position = (np.arange(maps.shape[axis]) + 0.5) / maps.shape[axis]
        marginal = weights.sum(axis=tuple(other for other in axes if other != axis))
        mean[:, number] = marginal @ position
        variance[:, number] = (marginal * (position - mean[:, [number]]) ** 2).sum(axis=1)
    return mean, variance


def centroid(maps: np.ndarray) -> np.ndarray:
    r"""Centre of mass, ``(n, axes)``: along each axis 0 at the image's first edge and 1 at its last.

    .. math:: c_a = \sum_i p_i u_{i,a}, \qquad u_{i,a} = (\text{index} + 1/2) / \text{size}

    Examples
    --------
    >>> centroid(np.array([[[0.0, 0.0, 0.0, 2.0]]]))
    array([[0.5  , 0.875]])
    """
    return _moments(maps)[0]


def spread(maps: np.ndarray) -> np.ndarray:
    r"""Root mean square distance from the centroid, each axis measured in lengths of the image.

    .. math:: \sqrt{\sum_i p_i \lVert u_i - c \rVert^2}

    0 for a single point; an even map has :math:`\sqrt{d / 12}` (2D 0.41, 3D 0.5); at most :math:`\sqrt{d} / 2`.

    Examples
    --------
    >>> spread(np.array([[[1.0, 0.0, 0.0, 1.0]]]))
    array([0.375])
    """
    return np.sqrt(_moments(maps)[1].sum(axis=1))


def entropy(maps: np.ndarray) -> np.ndarray:
    r"""Shannon entropy as a share of its maximum: 0 for a single point, 1 for an even map.

    .. math:: -\frac{1}{\ln N} \sum_i p_i \ln p_i

    Shannon, "A Mathematical Theory of Communication", 1948, https://doi.org/10.1002/j.1538-7305.1948.tb01338.x

    Examples
    --------
    >>> entropy(np.array([[[1.0, 1.0, 0.0, 0.0]]]))
    array([0.5])
    """
    weights = flat(shares(maps))
    return entr(weights).sum(axis=1) / np.log(weights.shape[1])


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
    ordered = np.sort(flat(maps), axis=1)
    count = ordered.shape[1]
    weights = (count - np.arange(1, count + 1) + 0.5) / count
    return 1 - 2 * (shares(ordered) @ weights)


def zero_map(maps: np.ndarray) -> np.ndarray:
    """Whether the map is zero everywhere: 1 or 0, NaN where it holds NaN.

    Examples
    --------
    >>> zero_map(np.array([[[0.0, 0.0]], [[0.0, 1.0]], [[np.nan, 0.0]]]))
    array([ 1.,  0., nan])
    """
    values = flat(maps)
    return np.where(np.isnan(values).any(axis=1), np.nan, (values == 0).all(axis=1))
