"""What a cause of bad predictions is: a mistake whose opposite can be tried on samples with known labels."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saliency.methods.passes.turned_axes import UNTURNED, TurnedAxes
from saliency.readers.normalisation import normalised


@dataclass(frozen=True)
class Labelled:
    """Samples with known labels, and what the network says as the config has it.

    Attributes
    ----------
    inputs
        ``(n, c, *spatial)``, as stored: before normalisation.
    mean, std
        With which they are normalised: one number per channel, or one for all.
    labels
        ``(n,)``: classes.
    scores
        ``(n, classes)``.
    axes
        In which the network gets volumes as the config has it.

    Examples
    --------
    >>> Labelled(np.ones((1, 1, 1, 2)), [0.5], [0.25], np.zeros(1), np.zeros((1, 2))).seen.tolist()
    [[[[2.0, 2.0]]]]
    """

    inputs: np.ndarray
    mean: Sequence[float]
    std: Sequence[float]
    labels: np.ndarray
    scores: np.ndarray
    axes: TurnedAxes = UNTURNED

    @property
    def predicted(self) -> np.ndarray:
        """Classes ``(n,)``."""
        return self.scores.argmax(1)

    @property
    def seen(self) -> np.ndarray:
        """What the network sees."""
        return normalised(self.inputs, self.mean, self.std)


@dataclass(frozen=True)
class Attempt:
    """Scores under another assumption.

    Attributes
    ----------
    words
        The assumption, to be read behind "with".
    scores
        ``(n, classes)``.
    remedy
        What to do about it, where it is not that of the cause.
    """

    words: str
    scores: np.ndarray
    remedy: str = ""


class Cause(ABC):
    """A usual mistake. A cause is one file in the folder ``causes``.

    Attributes
    ----------
    name
        Unique.
    title
        In lists of what was tried.
    remedy
        What to do about it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    remedy: ClassVar[str]

    @classmethod
    @abstractmethod
    def attempts(cls, samples: Labelled, predict: Callable[[np.ndarray], np.ndarray]) -> Iterator[Attempt]:
        """Undo the mistake, in each way that there is.

        Parameters
        ----------
        samples
            Samples and labels.
        predict
            Gives scores ``(n, classes)`` for what the network sees, ``(n, c, *spatial)``.
        """


class InputCause(Cause):
    """A mistake in what the network sees."""

    @classmethod
    @abstractmethod
    def variants(cls, samples: Labelled) -> Iterator[tuple[str, np.ndarray]]:
        """Words as of `Attempt`, and what the network would see, in the order of the stored axes."""

    @classmethod
    def attempts(cls, samples: Labelled, predict: Callable[[np.ndarray], np.ndarray]) -> Iterator[Attempt]:
        """Run the network on each variant that differs from what it sees as configured."""
        as_configured = samples.seen
        for words, seen in cls.variants(samples):
            if not np.allclose(seen, as_configured):
                yield Attempt(words, predict(np.ascontiguousarray(seen, dtype=as_configured.dtype)))
