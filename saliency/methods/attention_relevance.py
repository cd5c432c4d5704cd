"""Attention relevance: attention weighed by the gradient of the class score, over all layers of a transformer.

Chefer et al., "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
2021, https://arxiv.org/abs/2103.15679
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class AttentionRelevance(Method):
    """Gradient-weighted attention; not negative, on the grid of tokens; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from torchvision.models import VisionTransformer
    >>> network = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=3)
    >>> _ = torch.nn.init.normal_(network.heads.head.weight)
    >>> with AttentionRelevance(network).forward_pass(torch.rand(4, 3, 32, 32)) as forward:
    ...     maps = forward.maps(torch.tensor([0, 1, 2, 0]))
    >>> tuple(maps["attention_relevance"].shape)
    (4, 4, 4)
    """

    name = "attention_relevance"
    title = "Attention relevance"
    summary = "Attention that speaks for the class, added up over the layers of a transformer (Chefer et al.)."
    formula = (
        r"R_0 = I, \quad R_l = R_{l-1} + \frac{1}{H} \sum_h \max\left(0, \frac{\partial S_c}{\partial A_{l,h}} \odot "
        r"A_{l,h}\right) R_{l-1}, \quad M_i = (R_L - I)_{\mathrm{read}, i}"
    )
    when = "Transformers with one grid of tokens: what their attention takes for the class."
    when_not = "Windowed or pooled attention, which is refused, and networks without attention: use gradcam."
    version = 1
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
        """Attention relevance, ``[n, *feature_spatial]``."""
        import torch

        from saliency.methods.passes.attention import read_out

        layers = given.attention()
        own = torch.eye(layers[0].weights.shape[-1]).to(layers[0].weights)
        relevance = own
        for layer in layers:
            relevance = relevance + (layer.gradient * layer.weights).relu().mean(dim=1) @ relevance
        return given.on_grid(read_out(relevance - own, layers))
