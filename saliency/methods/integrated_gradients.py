"""Integrated gradients: the score's difference from a baseline, shared out along a straight path.

Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017, https://arxiv.org/abs/1703.01365
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.blur import blurred
from saliency.methods.method import Cost, Method
from saliency.methods.noisy_gradients import noise_like
from saliency.registry.fits import choice, integer
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


log = logging.getLogger(__name__)

BASELINES = ("zero", "mean", "blur", "noise")
# Share of the difference in score up to which parts that do not add up to it are not told of.
COMPLETE = 0.05
# Standard deviation of the blur, as a share of the longest side.
BLUR = 0.05


def _baseline(given: Given, settings: Mapping[str, Any]) -> Tensor:
    """Where the path begins, of the shape of `given.x`."""
    x = given.x
    spatial = tuple(range(2, x.ndim))
    mean = x.mean(dim=spatial, keepdim=True)
    match settings["baseline"]:
        case "zero":
            return x * 0
        case "mean":
            return mean.expand_as(x)
        case "blur":
            return blurred(x, BLUR * max(x.shape[2:]))
    return mean + x.std(dim=spatial, keepdim=True) * next(noise_like(given, 1, settings["seed"]))


class IntegratedGradients(Method):
    """Integrated Gradients: signed, of the shape of the input; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, found = IntegratedGradients(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "integrated_gradients"
    title = "Integrated Gradients"
    summary = "What each value of the input adds to the score, on the way from a baseline; the parts add up."
    formula = (
        r"M = (x - x') \cdot \int_0^1 \frac{\partial S_c}{\partial x}(x' + t (x - x')) \, dt, \quad "
        r"\sum_i M_i = S_c(x) - S_c(x')"
    )
    when = "Shares of the score that add up, where a baseline means that nothing is there."
    when_not = "Where no baseline does: what equals the baseline gets no share, such as black where that is black."
    version = 1
    grid = "input"
    channels = True
    signed = True
    reach = "gradient"
    keys = (
        Key("steps", "Points on the path, of Gauss-Legendre integration.", 32, integer(1)),
        Key("baseline", "Where the path begins; `zero` is what normalisation makes 0.", "zero", choice(*BASELINES)),
        Key("seed", "Of the baseline `noise`, together with the sample's values.", 0, integer(0)),
    )
    cost = Cost(shard_copies=4, batch_copies=300, seconds=30)

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """One for each point, and three forward ones."""
        return 3 + int(settings["steps"])

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Integrated gradients, ``[n, c, *spatial]``; the log tells how far the parts miss the difference in score."""
        import numpy as np
        import torch

        places, weights = np.polynomial.legendre.leggauss(settings["steps"])
        baseline = _baseline(given, settings)
        difference = given.x - baseline
        total = torch.zeros_like(difference)
        for place, weight in zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True):
            total += weight * given.gradient_at(baseline + place * difference)
        found = difference * total
        wanted = given.score(given.x) - given.score(baseline)
        error = (found.flatten(1).sum(dim=1) - wanted).abs() / wanted.abs()
        bad = int((error > COMPLETE).sum())
        if bad:
            log.warning(
                "integrated gradients miss the difference in score by more than %g %% for %d of %d samples, by %.0f %% "
                "at most: set more steps",
                *(100 * COMPLETE, bad, len(error), 100 * float(error.max())),
            )
        return found
