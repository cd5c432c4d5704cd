"""How strong a map is at each place, whatever the sign and the channel."""

import numpy as np

from saliency.methods.method import Method


def magnitude(maps: np.ndarray) -> np.ndarray:
    """Absolute values of a map, summed over its channels.

    Parameters
    ----------
    maps
        ``(n, c, *spatial)``: signed, such as gradients of the input.

    Returns
    -------
    ndarray
        ``(n, *spatial)``, not negative.

    Examples
    --------
    >>> magnitude(np.array([[[[1.0, -2.0]], [[-3.0, 0.0]]]]))
    array([[[4., 2.]]])
    """
    return np.abs(maps).sum(axis=1)


def unsigned(maps: np.ndarray, kind: type[Method]) -> np.ndarray:
    """How strong the maps of a method are at each place, whatever the sign.

    Parameters
    ----------
    maps
        As stored: ``(n, *spatial)``, or with channels ``(n, c, *spatial)``.
    kind
        The method.

    Returns
    -------
    ndarray
        ``(n, *spatial)``, not negative: the `magnitude` of maps with channels, absolute values of other signed ones.
    """
    if kind.channels:
        return magnitude(maps)
    return np.abs(maps) if kind.signed else maps
