"""Small grids on which maps are compared, windows on them, and what the place of a window is called."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Names along each axis, from its begin to its end. Images: rows, columns. Volumes are in RAS order.
AXES = {
    2: (("upper", "lower"), ("left", "right")),
    3: (("left", "right"), ("back", "front"), ("bottom", "top")),
}
KINDS = {2: ("centre", "edge", "corner"), 3: ("centre", "side", "edge", "corner")}


def pool(arrays: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """Average arrays over the cells of a grid; a value that lies in two cells counts in each by its share.

    Parameters
    ----------
    arrays
        ``(..., *spatial)``.
    grid
        Cells along each spatial axis. An axis that is shorter than its number of cells keeps its length.

    Returns
    -------
    ndarray
        ``(..., *grid)``, float64.

    Examples
    --------
    >>> pool(np.array([[0.0, 3.0, 6.0]]), [2])
    array([[1., 5.]])
    """
    pooled = np.asarray(arrays, dtype=np.float64)
    for axis, cells in enumerate(grid, start=pooled.ndim - len(grid)):
        size = pooled.shape[axis]
        if cells < size:
            edges = np.arange(cells + 1) * size / cells
            begin, end = edges[:-1, np.newaxis], edges[1:, np.newaxis]
            overlap = np.minimum(end, np.arange(size) + 1) - np.maximum(begin, np.arange(size))
            weights = overlap.clip(0) * cells / size
            pooled = np.moveaxis(np.tensordot(pooled, weights, axes=(axis, 1)), -1, axis)
    return pooled


def energy_shares(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide each map by its sum.

    Parameters
    ----------
    maps
        ``(n, *spatial)``, not negative.

    Returns
    -------
    shares
        ``(n, *spatial)``, each with sum 1; 0 where there is no such map.
    valid
        ``(n,)``, bool: False for maps that are zero everywhere or hold NaN.

    Examples
    --------
    >>> energy_shares(np.array([[1.0, 3.0], [0.0, 0.0]]))
    (array([[0.25, 0.75],
           [0.  , 0.  ]]), array([ True, False]))
    """
    total = maps.reshape(len(maps), -1).sum(axis=1, dtype=np.float64)
    valid = np.isfinite(total) & (total > 0)
    shares = np.zeros(maps.shape)
    shares[valid] = maps[valid] / total[valid].reshape(-1, *[1] * (maps.ndim - 1))
    return shares, valid


def window_sums(maps: np.ndarray, side: int) -> np.ndarray:
    """Sum over every window of ``side`` cells along each axis.

    Parameters
    ----------
    maps
        ``(n, *grid)``.

    Returns
    -------
    ndarray
        ``(n, *positions)``, by the window's first cell; ``grid - side + 1`` positions along each axis.

    Examples
    --------
    >>> window_sums(np.array([[1.0, 2.0, 3.0]]), 2)
    array([[3., 5.]])
    """
    axes = tuple(range(1, maps.ndim))
    windows = sliding_window_view(maps, [side] * len(axes), axis=axes)
    return windows.sum(axis=tuple(range(maps.ndim, windows.ndim)))


def place_name(centre: Sequence[float]) -> str:
    """Name the place of a point by thirds of the picture.

    Parameters
    ----------
    centre
        Relative position, 0 … 1: of an image ``(down, to the right)``, of a volume ``(to the right, to the front,
        upwards)``.

    Examples
    --------
    >>> place_name([0.9, 0.1]), place_name([0.5, 0.9]), place_name([0.5, 0.5])
    ('lower left corner', 'right edge', 'centre')
    >>> place_name([0.9, 0.5, 0.5]), place_name([0.9, 0.1, 0.9])
    ('right side', 'right back top corner')
    """
    words = [
        names[int(position > 0.5)]
        for position, names in zip(centre, AXES[len(centre)], strict=True)
        if abs(position - 0.5) > 1 / 6
    ]
    return " ".join([*words, KINDS[len(centre)][len(words)]])
