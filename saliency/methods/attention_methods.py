"""What the methods on a transformer's attention have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.attention import Attention
    from saliency.methods.passes.forward_pass import Given


class AttentionMethod(Method):
    """A method that hands attention on from layer to layer; parameters as in `Method`."""

    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=400, seconds=15)

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """One more, in which attention is kept."""
        return 2

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """What the scores are read from, ``[n, *feature_spatial]``."""
        import torch

        from saliency.methods.passes.attention import read_out

        layers = given.attention()
        own = torch.eye(layers[0].weights.shape[-1]).to(layers[0].weights)
        return given.on_grid(read_out(cls.handed_on(layers, own), layers))

    @classmethod
    def handed_on(cls, layers: Sequence[Attention], own: Tensor) -> Tensor:
        """What each token behind the last layer has of each before the first, ``[n, tokens, tokens]``.

        Parameters
        ----------
        layers
            The first one first.
        own
            ``[tokens, tokens]``, the identity: what each token has before the first layer.
        """
        raise NotImplementedError(f"{cls.__name__} has no handed_on")
