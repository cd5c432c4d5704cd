"""The channels of feature maps that methods look at one by one, and what these methods have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.registry.fits import NULL, either, integer
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

# How many channels there may be where all count.
MANY = 2048


class ChannelMethod(Method):
    """A method that asks the network about one channel of the target layer after the other."""

    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    keys = (
        Key(
            "channels",
            "How many channels count, those that vary most; `null` for all.",
            None,
            either(integer(1), NULL),
        ),
    )
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """One for each channel; of all, as many as a ResNet-50 has."""
        return 1 + int(settings["channels"] or MANY)


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
