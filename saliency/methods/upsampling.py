"""Bringing maps to the size of the input: with torch, and without waiting for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def upsample(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Bring maps to the input's size, bilinear or trilinear with ``align_corners=False``.

    Parameters
    ----------
    maps
        ``[n, *feature_spatial]``.
    size
        The spatial size of the input.

    Returns
    -------
    Tensor
        ``[n, 1, *size]``.

    Examples
    --------
    >>> import torch
    >>> upsample(torch.tensor([[[0.0, 4.0]]]), (1, 4))
    tensor([[[[0., 1., 3., 4.]]]])
    """
    from torch.nn import functional

    mode = {2: "bilinear", 3: "trilinear"}[len(size)]
    return functional.interpolate(maps.unsqueeze(1), tuple(size), mode=mode, align_corners=False)


def upsample_array(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Bring maps to the input's size, linearly along each axis; equal to `upsample` but for rounding.

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
    >>> upsample_array(np.array([[[0.0, 4.0]]]), (1, 4))
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
