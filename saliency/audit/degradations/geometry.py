"""Changes of place and size: margin, zoom, shift, rotation."""

import numpy as np

from saliency.audit.degradations.degradation import Degradation


def _zoomed(x: np.ndarray, percent: float) -> np.ndarray:
    """Scale around the centre; what was outside is zero."""
    from scipy.ndimage import affine_transform

    scale = 100 / percent
    matrix = np.array([1, 1, *[scale] * (x.ndim - 2)])
    offset = [0, 0, *((size - 1) / 2 * (1 - scale) for size in x.shape[2:])]
    return np.asarray(affine_transform(x, matrix, offset, order=1))


def _shifted(x: np.ndarray, percent: float) -> np.ndarray:
    """Move along the last axis by a share of its length; the border is repeated."""
    from scipy.ndimage import shift

    return np.asarray(shift(x, [0] * (x.ndim - 1) + [x.shape[-1] * percent / 100], order=1, mode="nearest"))


def _rotated(x: np.ndarray, degrees: float) -> np.ndarray:
    """Turn in the plane of the last two axes; the border is repeated."""
    from scipy.ndimage import rotate

    return np.asarray(rotate(x, degrees, axes=(x.ndim - 2, x.ndim - 1), reshape=False, order=1, mode="nearest"))


MARGIN = Degradation("margin", "a black margin, the picture at {} %", (90, 75), _zoomed)
ZOOM = Degradation("zoom", "an enlargement to {} %", (115, 140), _zoomed)
SHIFT = Degradation("shift", "a shift of {} %", (-8, 8), _shifted)
ROTATION = Degradation("rotation", "a rotation by {} degrees", (-10, 10), _rotated)
