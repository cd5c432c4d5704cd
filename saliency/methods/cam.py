"""CAM: class activation maps of networks that end in global average pooling and one linear layer.

Zhou et al., "Learning Deep Features for Discriminative Localization", 2015, https://arxiv.org/abs/1512.04150
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


# Steps of a graph behind the target layer that weigh, add up, or only arrange values.
LINEAR = frozenset(
    {
        *("Addmm", "Mm", "T", "Linear", "Mean", "Sum", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "AvgPool2D"),
        *("AvgPool3D", "View", "UnsafeView", "ReshapeAlias", "AsStrided", "Squeeze", "Unsqueeze", "Transpose"),
        *("Permute", "Clone", "Alias", "ToCopy", "Neg", "Cat"),
    }
)


class CAM(Method):
    """CAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 5))
    >>> with CAM(network, target_layer="0").forward_pass(torch.rand(4, 1, 50, 50)) as forward:
    ...     maps = forward.maps(torch.tensor([0, 1, 2, 3]))
    >>> tuple(maps["cam"].shape)
    (4, 48, 48)
    """

    name = "cam"
    title = "CAM"
    summary = "Features weighed by the linear layer behind global average pooling; other networks are refused."
    formula = (
        r"M_i = \max\left(0, \sum_k w_{c,k} A_{k,i}\right), \quad S_c = b_c + \sum_k w_{c,k} \frac{1}{Z} \sum_i A_{k,i}"
    )
    when = "Networks that are built for it, where it is what the score is the mean of."
    when_not = "Other networks. Where it fits, Grad-CAM is the same map divided by the number of positions."
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features", "steps_behind"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """CAM, ``[n, *feature_spatial]``; weights of the linear layer are read off the gradient, which is constant."""
        steps = set(given.steps_behind)
        weights = given.feature_gradient.flatten(2)
        spread = weights.amax(dim=2) - weights.amin(dim=2)
        if steps - LINEAR or (spread > 1e-4 * weights.abs().amax(dim=2)).any():
            why = ", ".join(sorted(steps - LINEAR)) or "the gradient differs between positions"
            raise ValueError(
                f"CAM needs a network whose scores are one linear layer of the mean of the target layer's output, and "
                f"this one is none ({why}): use gradcam, or pass a target_layer right before the global pooling"
            )
        of_class = weights.sum(dim=2).reshape(*weights.shape[:2], *[1] * (given.features.ndim - 2))
        return (of_class * given.features).sum(dim=1).relu()
