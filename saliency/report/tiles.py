"""Pictures of the report: samples and maps, reduced and brought to levels of a byte."""

import math
from collections.abc import Sequence

import numpy as np

from saliency.audit.grid import pool
from saliency.figures.display import display_image, display_map
from saliency.figures.slices import AXIAL, slice_plane, window
from saliency.methods.upsampling import upsample_array

# Longest side of a picture that holds many tiles.
SHEET = 1024


def sample_levels(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Levels of what the network saw.

    Parameters
    ----------
    values
        ``(c, *spatial)``, finite.
    shape
        Of the picture, at most that of the sample.

    Returns
    -------
    ndarray
        uint8, ``shape``, of RGB images ``(*shape, 3)``. Of volumes, the first channel.

    Examples
    --------
    >>> sample_levels(np.array([[[0.0, 1.0], [1.0, 1.0]]]), (1, 2))
    array([[128, 255]], dtype=uint8)
    """
    reduced = pool(values, shape)
    shown = window(reduced[0]) if len(shape) == 3 else display_image(reduced)
    return _bytes(shown * 255)


def map_levels(values: np.ndarray, shape: tuple[int, ...], signed: bool) -> tuple[np.ndarray, float, float]:
    """Levels of a map, and the values of the first and the last level.

    Parameters
    ----------
    values
        ``(c, *spatial)``, finite; channels are summed.
    shape
        Of the picture. A map of another layer's resolution is upsampled (`upsample_array`).
    signed
        Level 128 is 0; the 0.5 % of largest magnitudes are clipped (`saliency.figures.display.display_map`).

    Examples
    --------
    >>> map_levels(np.array([[[-2.0, 0.0, 1.0]]]), (1, 3), signed=True)
    (array([[  0, 128, 191]], dtype=uint8), -2.0, 2.0)
    """
    total = values.sum(axis=0, dtype=np.float64)
    reduced = pool(total, shape)
    flat, low, high = display_map(upsample_array(reduced[np.newaxis], shape), signed)
    return _bytes((flat - low) / (high - low) * 255), low, high


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def sheets(tiles: np.ndarray) -> list[np.ndarray]:
    """Put tiles beside each other, row by row, on as many sheets as they need.

    Parameters
    ----------
    tiles
        ``(n, h, w)`` or ``(n, h, w, 3)``.

    Returns
    -------
    list of ndarray
        Each ``(rows * h, columns * w)``, with `grid_size` rows and columns; the last one may have fewer rows.
    """
    count, height, width = tiles.shape[:3]
    rows, columns = grid_size(height, width)
    found = []
    for begin in range(0, count, rows * columns):
        part = tiles[begin : begin + rows * columns]
        needed = -(-len(part) // columns)
        sheet = np.zeros((needed * columns, *tiles.shape[1:]), dtype=np.uint8)
        sheet[: len(part)] = part
        cells = sheet.reshape(needed, columns, *tiles.shape[1:]).swapaxes(1, 2)
        found.append(cells.reshape(needed * height, columns * width, *tiles.shape[3:]))
    return found


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tiles on a sheet.

    Examples
    --------
    >>> grid_size(224, 112), grid_size(2000, 2000)
    ((4, 9), (1, 1))
    """
    return max(1, SHEET // height), max(1, SHEET // width)


def tile_size(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width of a sample's tile; of a volume ``(x, y, z)``, that of an axial slice.

    Examples
    --------
    >>> tile_size((5, 9)), tile_size((5, 9, 7))
    ((5, 9), (9, 5))
    """
    return (shape[0], shape[1]) if len(shape) == 2 else (shape[1], shape[0])


def mosaic(volume: np.ndarray) -> tuple[np.ndarray, int]:
    """Put the axial slices of a volume ``(x, y, z)`` beside each other, from the lowest on; also return the columns.

    Examples
    --------
    >>> volume = np.arange(8).reshape(2, 2, 2)  # 4 is added to the right, 2 to anterior, 1 to superior
    >>> mosaic(volume)
    (array([[2, 6, 3, 7],
           [0, 4, 1, 5]]), 2)
    """
    depth = volume.shape[AXIAL]
    columns = math.ceil(math.sqrt(depth))
    slices = np.stack([axial_slice(volume, index) for index in range(depth)])
    rows = -(-depth // columns)
    padded = np.zeros((rows * columns, *slices.shape[1:]), dtype=volume.dtype)
    padded[:depth] = slices
    cells = padded.reshape(rows, columns, *slices.shape[1:]).swapaxes(1, 2)
    return cells.reshape(rows * slices.shape[1], columns * slices.shape[2]), columns


def axial_slice(volume: np.ndarray, index: int) -> np.ndarray:
    """Axial slice of a volume ``(x, y, z)``, anterior at the top and left at the left."""
    picture: np.ndarray = slice_plane(volume[np.newaxis], AXIAL, index)[0]
    return picture
