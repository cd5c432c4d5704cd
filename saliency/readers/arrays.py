"""From an array as people store pictures to a picture: which axis holds the channels, and what stands for white."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import InputError, Status

if TYPE_CHECKING:
    from PIL import Image


def channels_first(values: np.ndarray) -> np.ndarray:
    """Bring an array to ``(c, h, w)``.

    Parameters
    ----------
    values
        ``(h, w)``, or with an axis of channels, first or last, that is shorter than both others.

    Raises
    ------
    InputError
        If it has other axes, or its shape does not tell which one holds the channels.

    Examples
    --------
    >>> [channels_first(np.zeros(shape)).shape for shape in ((5, 7), (5, 7, 3), (3, 5, 7))]
    [(1, 5, 7), (3, 5, 7), (3, 5, 7)]
    """
    if values.ndim == 2:
        return values[np.newaxis]
    if values.ndim != 3 or min(values.shape) < 1:
        raise InputError(
            Status.WRONG_SHAPE, f"has shape {values.shape}, which is no image: save it as (h, w) or (h, w, c)"
        )
    first, middle, last = values.shape
    if last < min(first, middle):
        return np.moveaxis(values, -1, 0)
    if first < min(middle, last):
        return values
    raise InputError(
        Status.WRONG_SHAPE,
        f"has shape {values.shape}, which does not tell which axis holds the channels: save it with fewer channels "
        "than pixels per side",
    )


def picture_of(values: np.ndarray) -> Image.Image | np.ndarray:
    """Make of channels what a file of the same pixels would be opened as, so that both are read alike.

    Parameters
    ----------
    values
        ``(c, h, w)``.

    Returns
    -------
    Image or ndarray
        8 bits in one or three channels and 16 bits in one are an image of Pillow. Everything else is ``(c, h, w)``:
        8 and 16 bits scaled to 0 … 1, other numbers as they are.

    Examples
    --------
    >>> picture_of(np.zeros((3, 5, 7), np.uint8)).mode, picture_of(np.zeros((2, 5, 7), np.uint8)).shape
    ('RGB', (2, 5, 7))
    """
    from PIL import Image

    found = values.astype(values.dtype.newbyteorder("="), copy=False)
    if (found.dtype == np.uint8 and len(found) in (1, 3)) or (found.dtype == np.uint16 and len(found) == 1):
        pixels = found[0] if len(found) == 1 else np.moveaxis(found, 0, -1)
        return Image.fromarray(np.ascontiguousarray(pixels))
    return scaled(found)


def scaled(values: np.ndarray) -> np.ndarray:
    """Scale values of 8 and 16 bits to 0 … 1; others stay as they are."""
    if values.dtype.kind != "u" or values.dtype.itemsize > 2:
        return values
    return (values / np.float32(np.iinfo(values.dtype).max)).astype(np.float32)
