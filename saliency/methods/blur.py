"""Blurring batches of images and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian along each spatial axis; edges go on with their outermost value.

    Parameters
    ----------
    x
        ``[n, c, *spatial]``.
    sigma
        Standard deviation, in pixels or voxels.

    Examples
    --------
    >>> import torch
    >>> found = blurred(torch.tensor([[[[0.0, 0, 1, 0, 0]]]]), 0.5)
    >>> [round(value, 3) for value in found.flatten().tolist()]
    [0.0, 0.106, 0.787, 0.106, 0.0]
    """
    import torch
    from torch.nn import functional

    reach = max(1, round(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (places / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1)
    for axis in range(2, x.ndim):
        lines = x.movedim(axis, -1)
        flat = functional.pad(lines.reshape(-1, 1, lines.shape[-1]), (reach, reach), mode="replicate")
        x = functional.conv1d(flat, kernel).reshape(lines.shape).movedim(-1, axis)
    return x
