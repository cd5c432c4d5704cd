"""Gradients of copies of the input with noise, and what the methods have in common that average them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.registry.fits import integer, number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given

NOISE_KEYS = (
    Key("samples", "Number of copies with noise.", 25, integer(2)),
    Key("noise", "Standard deviation, as a share of the range of values of the sample.", 0.15, number(above=0)),
    Key("seed", "Of the noise, together with the sample's values.", 0, integer(0)),
)


class NoisyGradientMethod(Method):
    """A method whose maps are made of `noisy_gradients`, each of the shape of the input."""

    grid = "input"
    channels = True
    reach = "gradient"
    keys = NOISE_KEYS
    cost = Cost(shard_copies=4, batch_copies=310, seconds=30)

    @classmethod
    def passes(cls, settings: Mapping[str, Any], ndim: int) -> int:
        """One for each noisy copy, and one for the prediction."""
        return 1 + int(settings["samples"])


@dataclass(frozen=True)
class NoisyGradients:
    """Means over the copies, each ``[n, c, *spatial]``."""

    mean: Tensor
    mean_square: Tensor
    variance: Tensor


def noise_like(given: Given, copies: int, seed: int) -> Iterator[Tensor]:
    """Standard normal numbers in the shape of the samples, for one copy after the other.

    They are drawn for each sample by itself, on the CPU and as float32, so that they are the same in any batch, on any
    device, and in any precision.
    """
    import torch

    generators = [torch.Generator().manual_seed(one + seed) for one in given.fingerprints]
    for _ in range(copies):
        drawn = [torch.randn(given.x.shape[1:], generator=generator) for generator in generators]
        yield torch.stack(drawn).to(given.x)


def noisy_gradients(given: Given, settings: Mapping[str, Any]) -> NoisyGradients:
    """Gradients of the score at noisy copies, averaged; computed once for all methods with the same settings.

    Parameters
    ----------
    given
        Of one class per sample.
    settings
        `NOISE_KEYS`.
    """
    key = ("noisy gradients", *(settings[one.name] for one in NOISE_KEYS))
    return given.once(key, lambda: _averaged(given, **settings))


def _averaged(given: Given, samples: int, noise: float, seed: int) -> NoisyGradients:
    flat = given.x.flatten(1)
    spread = (flat.amax(dim=1) - flat.amin(dim=1)).reshape(-1, *[1] * (given.x.ndim - 1)) * noise
    mean = squares = given.x.new_zeros(())
    # Welford's sums: the difference of two means would lose the digits of a small variance.
    for count, drawn in enumerate(noise_like(given, samples, seed), start=1):
        gradient = given.gradient_at(given.x + spread * drawn)
        before = gradient - mean
        mean = mean + before / count
        squares = squares + before * (gradient - mean)
    variance = squares / samples
    return NoisyGradients(mean, variance + mean**2, variance)
