"""From raw values to a display range: images, and maps of either sign."""

import numpy as np


def display_image(image: np.ndarray) -> np.ndarray:
    """Bring an image to what matplotlib shows: values in 0 … 1, channels last.

    Parameters
    ----------
    image
        ``(c, h, w)``; three channels are RGB, any other number is averaged to grey. Values outside 0 … 1 are
        stretched from the image's minimum and maximum; a constant image becomes black.

    Returns
    -------
    ndarray
        ``(h, w)`` or ``(h, w, 3)``.

    Examples
    --------
    >>> display_image(np.array([[[0.0, 255.0]]]))
    array([[0., 1.]])
    """
    if image.min() < 0 or image.max() > 1:
        span = image.max() - image.min()
        image = (image - image.min()) / span if span > 0 else np.zeros_like(image)
    return np.moveaxis(image, 0, -1) if len(image) == 3 else image.mean(axis=0)


def display_map(values: np.ndarray, signed: bool) -> tuple[np.ndarray, float, float]:
    """Choose what to draw of a map, and the range of its colours.

    Parameters
    ----------
    values
        ``(c, h, w)``; channels are summed.
    signed
        Centre the range on 0; the 0.5 % of largest magnitudes are clipped, or a few pixels would hide all others.

    Returns
    -------
    map, low, high
        A constant map is drawn as zeros.

    Examples
    --------
    >>> display_map(np.array([[[2.0, 2.0]]]), signed=False)
    (array([[0., 0.]]), 0.0, 1.0)
    >>> display_map(np.array([[[-3.0, 1.0]]]), signed=True)[1:]
    (-3.0, 3.0)
    """
    flat = values.sum(axis=0)
    if flat.min() == flat.max():
        return np.zeros_like(flat), -1.0 if signed else 0.0, 1.0
    if not signed:
        return flat, float(flat.min()), float(flat.max())
    limit = float(np.quantile(np.abs(flat), 0.995, method="higher"))
    limit = limit or float(np.abs(flat).max())
    return flat, -limit, limit
