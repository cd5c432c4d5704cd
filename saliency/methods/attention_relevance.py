"""Attention relevance: attention weighed by the gradient of the class score, over all layers of a transformer.

Chefer et al., "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
2021, https://arxiv.org/abs/2103.15679
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saliency.methods.attention_methods import AttentionMethod

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.attention import Attention


class AttentionRelevance(AttentionMethod):
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

    @classmethod
    def handed_on(cls, layers: Sequence[Attention], own: Tensor) -> Tensor:
        """R less the identity, as in the formula, ``[n, tokens, tokens]``."""
        relevance = own
        for layer in layers:
            relevance = relevance + (layer.gradient * layer.weights).relu().mean(dim=1) @ relevance
        return relevance - own
