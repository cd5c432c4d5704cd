"""Which slices of a volume are shown, and how they are turned: arrays are in RAS order, left is drawn left."""

import numpy as np

from saliency.methods.registered import leading_method, method

AXIAL = 2


def slice_plane(volume: np.ndarray, axis: int, index: int) -> np.ndarray:
    """Take one slice as a picture whose row 0 is at the top.

    Parameters
    ----------
    volume
        ``(c, x, y, z)`` in RAS order.
    axis
        0 is sagittal: superior to inferior by posterior to anterior. 1 is coronal: superior to inferior by left to
        right. 2 is axial: anterior to posterior by left to right.
    index
        Of the slice.

    Returns
    -------
    ndarray
        ``(c, rows, columns)``.

    Examples
    --------
    >>> volume = np.arange(8).reshape(1, 2, 2, 2)  # 4 is added to the right, 2 to anterior, 1 to superior
    >>> slice_plane(volume, 0, 0)
    array([[[1, 3],
            [0, 2]]])
    >>> slice_plane(volume, 1, 0)
    array([[[1, 5],
            [0, 4]]])
    >>> slice_plane(volume, 2, 0)
    array([[[2, 6],
            [0, 4]]])
    """
    if volume.ndim != 4 or axis not in (0, 1, 2):
        raise ValueError(f"no slice of axis {axis} of shape {list(volume.shape)}: pass [c, x, y, z] and axis 0, 1 or 2")
    return np.take(volume, index, axis=axis + 1).swapaxes(1, 2)[:, ::-1]


def peak(maps: dict[str, np.ndarray]) -> tuple[int, int, int]:
    """Voxel of the largest value of the leading map.

    Parameters
    ----------
    maps
        ``(c, x, y, z)`` by method; NaN means no map. See `leading_map`; of a signed map, the magnitude of the channels'
        sum counts.

    Returns
    -------
    i, j, k
        The first in C order if several are largest; the centre where there is no map, or a constant one.

    Examples
    --------
    >>> from saliency.methods.registered import methods
    >>> first, leading = list(methods())[:2]
    >>> cam = np.zeros((1, 3, 4, 5))
    >>> peak({leading: cam})
    (1, 2, 2)
    >>> cam[0, 2, 3, 0] = 1
    >>> peak({first: -cam - 9, leading: cam})
    (2, 3, 0)
    """
    if not maps:
        raise ValueError("there is no map to have a peak")
    found = found_peak(maps)
    return centre(next(iter(maps.values()))) if found is None else found[1]


def centre(volume: np.ndarray) -> tuple[int, int, int]:
    """Middle voxel of ``(c, x, y, z)``."""
    x, y, z = (size // 2 for size in volume.shape[1:])
    return x, y, z


def found_peak(maps: dict[str, np.ndarray]) -> tuple[str, tuple[int, int, int]] | None:
    """The method whose peak it is, and the voxel; None where no map has one."""
    name = leading_map(maps)
    if name is None:
        return None
    strength = maps[name].sum(axis=0)
    if method(name).signed:
        strength = np.abs(strength)
    if strength.min() == strength.max():
        return None
    i, j, k = (int(index) for index in np.unravel_index(strength.argmax(), strength.shape))
    return name, (i, j, k)


def leading_map(maps: dict[str, np.ndarray]) -> str | None:
    """The leading method's map if there is one (`saliency.methods.registered.leading_method`), else the first."""
    usable = [name for name, values in maps.items() if np.isfinite(values).all()]
    return leading_method(usable) or next(iter(usable), None)


def window(volume: np.ndarray) -> np.ndarray:
    """Scale a volume to 0 … 1 between its 0.5 and 99.5 percentiles; a constant one becomes 0.

    Examples
    --------
    >>> window(np.array([-100.0] + [2.0] * 500 + [3.0] * 500 + [900.0]))[[0, 1, 600, -1]]
    array([0., 0., 1., 1.])
    """
    # Volumes are large: of single precision where they are, and one copy.
    scaled = np.array(volume, dtype=np.result_type(volume, np.float32))
    low, high = np.percentile(scaled, [0.5, 99.5])
    if low == high:
        # Less than 1 % of the voxels differ from the rest.
        low, high = scaled.min(), scaled.max()
    if low == high:
        return np.zeros_like(scaled)
    scaled -= low
    scaled /= high - low
    return np.clip(scaled, 0, 1, out=scaled)


def spread_slices(depth: int, count: int) -> list[int]:
    """Choose the middle slices of `count` equal parts of a stack; all slices if there are fewer.

    Examples
    --------
    >>> spread_slices(12, 3), spread_slices(2, 5)
    ([2, 6, 10], [0, 1])
    """
    if count < 1:
        raise ValueError(f"count is {count}: pass 1 or more")
    count = min(count, depth)
    return [(2 * number + 1) * depth // (2 * count) for number in range(count)]
