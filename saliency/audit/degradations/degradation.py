"""What a degradation is: a change to a picture that leaves its object what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Degradation:
    """A change in several strengths.

    Attributes
    ----------
    name
        In tables.
    words
        In sentences, with ``{}`` for the level: ``JPEG compression at quality {}``.
    levels
        From weak to strong.
    change
        Makes it, from ``(n, c, *spatial)``, before normalisation, and a level; of the same shape and dtype.
    colours
        Whether it needs three channels.
    ndim
        Number of spatial axes that it needs; None for any.
    version
        Raise it when a change to the code changes its pictures.
    """

    name: str
    words: str
    levels: tuple[float, ...]
    change: Callable[[np.ndarray, float], np.ndarray]
    colours: bool = False
    ndim: int | None = None
    version: int = 1

    def applies(self, shape: tuple[int, ...]) -> bool:
        """Whether there is such a thing for a sample of shape ``(c, *spatial)``.

        Examples
        --------
        >>> grey = Degradation("greyscale", "greyscale", (1,), lambda x, _: x, colours=True)
        >>> grey.applies((3, 8, 8)), grey.applies((1, 8, 8))
        (True, False)
        """
        return (not self.colours or shape[0] == 3) and self.ndim in (None, len(shape) - 1)


def spread(x: np.ndarray) -> np.ndarray:
    """``(n, 1, …)``: standard deviation of each sample; volumes have no unit in common."""
    return np.asarray(x.std(axis=tuple(range(1, x.ndim)), keepdims=True))
