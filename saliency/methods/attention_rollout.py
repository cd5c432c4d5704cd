"""Attention rollout: what the scores of a transformer take from each token, by its attention alone.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020, https://arxiv.org/abs/2005.00928
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saliency.methods.attention_methods import AttentionMethod

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.attention import Attention


class AttentionRollout(AttentionMethod):
    """Attention rolled out over the layers; not negative, on the grid of tokens; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from torchvision.models import VisionTransformer
    >>> network = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=3)
    >>> _ = torch.nn.init.normal_(network.heads.head.weight)
    >>> with AttentionRollout(network).forward_pass(torch.rand(4, 3, 32, 32)) as forward:
    ...     maps = forward.maps(torch.tensor([0, 1, 2, 0]))
    >>> tuple(maps["attention_rollout"].shape)
    (4, 4, 4)
    """

    name = "attention_rollout"
    title = "Attention rollout"
    summary = "What attention passes on from each token to those that the scores are read from."
    formula = r"R = \prod_l \frac{1}{2} \left(I + \frac{1}{H} \sum_h A_{l,h}\right), \quad M_i = R_{\mathrm{read}, i}"
    when = "Transformers with one grid of tokens: where information comes from, whatever the class."
    when_not = "Where the class matters: the map is the same for nearly all classes. Windowed attention is refused."
    version = 1

    @classmethod
    def handed_on(cls, layers: Sequence[Attention], own: Tensor) -> Tensor:
        """R, as in the formula, ``[n, tokens, tokens]``."""
        flow = own
        for layer in layers:
            flow = (layer.weights.mean(dim=1) + own) / 2 @ flow
        return flow
