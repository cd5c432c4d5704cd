"""Enlarging maps for figures and files, without waiting for torch."""

from collections.abc import Sequence

import numpy as np


def enlarge_maps(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Bring maps to the input's size, linearly along each axis; equal to `saliency.gradcam.enlarge` but for rounding.

    Parameters
    ----------
    maps
        ``(n, *feature_spatial)``, floating point.
    size
        The spatial size of the input.

    Returns
    -------
    ndarray
        ``(n, *size)``, of the same type.

    Examples
    --------
    >>> enlarge_maps(np.array([[[0.0, 4.0]]]), (1, 4))
    array([[[0., 1., 3., 4.]]])
    """
    for axis, length in enumerate(size, start=1):
        last = maps.shape[axis] - 1
        # Pixels are areas, whose edges lie on each other; beyond the outermost centres their values go on.
        places = ((np.arange(length) + 0.5) * ((last + 1) / length) - 0.5).clip(0, last)
        lower = np.floor(places).astype(int)
        shares = (places - lower).astype(maps.dtype).reshape(-1, *[1] * (maps.ndim - axis - 1))
        below, above = maps.take(lower, axis), maps.take(np.minimum(lower + 1, last), axis)
        maps = below * (1 - shares) + above * shares
    return maps
