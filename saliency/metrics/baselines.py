"""What stands in for pixels that are taken away."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Baseline:
    """One stand-in.

    Attributes
    ----------
    name
        In configs and tables.
    meaning
        What it is, for ``config/README.md``; Markdown.
    values
        Makes it, from ``(n, c, *spatial)`` and a seed; of the same shape.
    """

    name: str
    meaning: str
    values: Callable[[np.ndarray, int], np.ndarray]


def _mean(x: np.ndarray, _: int) -> np.ndarray:
    return np.broadcast_to(x.mean(axis=tuple(range(2, x.ndim)), keepdims=True), x.shape)


def _blur(x: np.ndarray, _: int) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, [0, 0, *(size / 20 for size in x.shape[2:])], mode="nearest")


def _noise(x: np.ndarray, seed: int) -> np.ndarray:
    axes = tuple(range(2, x.ndim))
    drawn = np.random.default_rng(seed).standard_normal(x.shape)
    return x.mean(axis=axes, keepdims=True) + x.std(axis=axes, keepdims=True) * drawn


BASELINES = {
    baseline.name: baseline
    for baseline in (
        Baseline("mean", "the mean of the sample's channel", _mean),
        Baseline("blur", "the sample, blurred by a Gaussian whose standard deviation is 1/20 of each side", _blur),
        Baseline("noise", "Gaussian noise with the mean and standard deviation of the sample's channel", _noise),
    )
}


def baseline_of(x: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Make what stands in for pixels that are taken away.

    Parameters
    ----------
    x
        ``(n, c, *spatial)``: what the network sees.
    kind
        Name of one of `BASELINES`.
    seed
        Of those that are drawn at random.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    ValueError
        If there is no such baseline.

    Examples
    --------
    >>> baseline_of(np.array([[[[1.0, 3.0]]]]), "mean", 0)
    array([[[[2., 2.]]]])
    """
    if kind not in BASELINES:
        raise ValueError(f"baseline '{kind}' is none of {', '.join(BASELINES)}")
    return np.ascontiguousarray(BASELINES[kind].values(x, seed), dtype=x.dtype)
