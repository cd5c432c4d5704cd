"""The channels of feature maps that methods look at one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency.registry.fits import NULL, either, integer

if TYPE_CHECKING:
    from torch import Tensor

# What fits a number of channels, and how many there may be where all count.
CHANNELS = either(integer(1), NULL)
MANY = 2048


def most_varying(features: Tensor, count: int | None) -> tuple[Tensor, Tensor]:
    """Choose the channels that differ most between positions.

    Parameters
    ----------
    features
        ``[n, k, *feature_spatial]``.
    count
        How many of them; None for all.

    Returns
    -------
    chosen
        ``[n, count, *feature_spatial]``, in the order of the channels.
    places
        ``[n, count]``: which they are.

    Examples
    --------
    >>> import torch
    >>> features = torch.tensor([[[[1.0, 1.0]], [[0.0, 4.0]], [[0.0, 1.0]]]])
    >>> most_varying(features, 2)[1]
    tensor([[1, 2]])
    """
    size = min(count or features.shape[1], features.shape[1])
    places = features.flatten(2).var(dim=2, correction=0).topk(size, dim=1).indices.sort(dim=1).values
    index = places.reshape(*places.shape, *[1] * (features.ndim - 2)).expand(-1, -1, *features.shape[2:])
    return features.gather(1, index), places
