"""Score-CAM: each channel counts by the score of the input seen through it, without gradients.

Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", 2019,
https://arxiv.org/abs/1910.01279
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.channel_methods import ChannelMethod, most_varying
from saliency.methods.upsampling import upsample

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class ScoreCAM(ChannelMethod):
    """Score-CAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> method = ScoreCAM(NeuralNetwork([1, 50, 50]), channels=4)
    >>> with method.forward_pass(torch.rand(2, 1, 50, 50)) as forward:
    ...     maps = forward.maps(torch.tensor([0, 0]))
    >>> tuple(maps["scorecam"].shape)
    (2, 5, 5)
    """

    name = "scorecam"
    title = "Score-CAM"
    summary = "Features weighed by the score of the class in the input that is seen through them; no gradient counts."
    formula = (
        r"w = \mathrm{softmax}_k\left(S_c(x \cdot H_k)\right), \quad H_k = \frac{U_k - \min U_k}{\max U_k - \min U_k}, "
        r"\quad U = \mathrm{upsample}(A), \quad M_i = \max\left(0, \sum_k w_k A_{k,i}\right)"
    )
    when = "Networks whose gradients vanish or are noisy."
    when_not = "Large networks or many samples: each channel costs a pass."
    version = 1

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Score-CAM, ``[n, *feature_spatial]``."""
        import torch

        chosen, _ = most_varying(given.features, settings["channels"])
        scores = []
        for channel in chosen.unbind(dim=1):
            mask = upsample(channel, given.x.shape[2:])
            flat = mask.flatten(1)
            low, spread = flat.amin(dim=1), flat.amax(dim=1) - flat.amin(dim=1)
            shape = (-1, *[1] * (mask.ndim - 1))
            # A channel with one value everywhere shows nothing of the input.
            share = (mask - low.view(shape)) / spread.where(spread > 0, 1).view(shape)
            scores.append(given.score(given.x * share.to(given.x)))
        weights = torch.stack(scores, dim=1).to(chosen.dtype).softmax(dim=1)
        return torch.einsum("nk,nk...->n...", weights, chosen).relu()
