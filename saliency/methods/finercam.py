"""Finer-CAM: what tells a class from those that are most like it.

Zhang et al., "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation", 2025,
https://arxiv.org/abs/2501.11309
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.gradcam import class_activation_map
from saliency.methods.method import Cost, Method
from saliency.registry.fits import integer, number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class FinerCAM(Method):
    """Finer-CAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> with FinerCAM(NeuralNetwork([1, 50, 50]), 4).forward_pass(torch.rand(4, 1, 50, 50)) as forward:
    ...     maps = forward.maps(torch.tensor([0, 0, 1, 1]))
    >>> tuple(maps["finercam"].shape)
    (4, 5, 5)
    """

    name = "finercam"
    title = "Finer-CAM"
    summary = "Grad-CAM of what the score of the class is above the scores of the classes nearest to it."
    formula = (
        r"M = \mathrm{Grad\text{-}CAM}\left(S_c - \alpha \sum_{j \in J} r_j S_j\right), \quad "
        r"r = \mathrm{softmax}_J(S), \quad J: \text{the classes with the smallest } |S_j - S_c|"
    )
    when = "Classes that are alike, such as birds of one family: what they share drops out."
    when_not = "Classes that have nothing in common, and a model of one class: use gradcam."
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features", "feature_gradient_of"})
    keys = (
        Key("alpha", "How much the other classes count; 0 is Grad-CAM.", 1.0, number(0)),
        Key("classes", "With how many of the nearest classes it compares.", 3, integer(1)),
    )
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Finer-CAM, ``[n, *feature_spatial]``."""
        weights = compared(given.scores, given.classes, settings["alpha"], settings["classes"])
        return class_activation_map(given.features, given.feature_gradient_of(weights))


def compared(scores: Tensor, classes: Tensor, alpha: float, number: int) -> Tensor:
    r"""Derivative of the compared score with respect to all scores.

    .. math:: \frac{\partial}{\partial S_j} = -\alpha \, r_j \left(1 + S_j - \sum_k r_k S_k\right), \qquad
              \frac{\partial}{\partial S_c} = 1

    Parameters
    ----------
    scores
        ``[n, classes]``.
    classes
        ``[n]``: the class that is explained.
    alpha, number
        The method's settings ``alpha`` and ``classes``.

    Returns
    -------
    Tensor
        ``[n, classes]``; the shares r, too, are differentiated, as in the authors' code.

    Raises
    ------
    ValueError
        If there is no other class.

    Examples
    --------
    >>> import torch
    >>> compared(torch.tensor([[5.0, 1.0, 3.0, 3.0]]), torch.tensor([0]), alpha=1, number=2)
    tensor([[ 1.0000,  0.0000, -0.5000, -0.5000]])
    """
    if scores.shape[1] < 2:
        raise ValueError("finercam compares a class with others, and this model has one score: use gradcam")
    own = classes.unsqueeze(1)
    distance = (scores - scores.gather(1, own)).abs().scatter(1, own, float("inf"))
    others = distance.topk(min(number, scores.shape[1] - 1), largest=False).indices
    values = scores.gather(1, others)
    shares = values.softmax(dim=1)
    mean = (shares * values).sum(dim=1, keepdim=True)
    weights = scores.new_zeros(scores.shape).scatter(1, others, -alpha * shares * (1 + values - mean))
    return weights.scatter(1, own, 1.0)
