"""Ablation-CAM: each channel counts by how far the score falls without it.

Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
2020, https://doi.org/10.1109/WACV45572.2020.9093360
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.channel_methods import ChannelMethod, most_varying

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class AblationCAM(ChannelMethod):
    """Ablation-CAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> method = AblationCAM(NeuralNetwork([1, 50, 50]), channels=4)
    >>> with method.forward_pass(torch.rand(2, 1, 50, 50)) as forward:
    ...     maps = forward.maps(torch.tensor([0, 0]))
    >>> tuple(maps["ablationcam"].shape)
    (2, 5, 5)
    """

    name = "ablationcam"
    title = "Ablation-CAM"
    summary = "Features weighed by how far the score of the class falls without them; no gradient counts."
    formula = r"w_k = \frac{S_c(A) - S_c(A_{k \to 0})}{|S_c(A)|}, \quad M_i = \max\left(0, \sum_k w_k A_{k,i}\right)"
    when = "Networks whose gradients vanish where they are sure."
    when_not = "Large networks or many samples: each channel costs a pass."
    version = 1

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Ablation-CAM, ``[n, *feature_spatial]``; of a negative score too, falls count for a channel."""
        import torch

        features = given.features
        score = given.score(given.x)
        chosen, places = most_varying(features, settings["channels"])
        rows = torch.arange(len(features), device=features.device)
        falls = []
        for place in places.unbind(dim=1):
            without = features.clone()
            without[rows, place] = 0
            falls.append(score - given.score_with(without))
        weights = (torch.stack(falls, dim=1) / score.abs().unsqueeze(1)).to(features.dtype)
        return torch.einsum("nk,nk...->n...", weights, chosen).relu()
