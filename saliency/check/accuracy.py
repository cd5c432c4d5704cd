"""Accuracy on some labelled samples, and the usual mistakes that would explain why it is not higher."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from saliency.audit.findings.words import percent
from saliency.audit.rates import wilson
from saliency.check.cause import Cause, Labelled
from saliency.check.registered import causes

# An accuracy that is so improbable, if the expected one is true, is too low.
ALPHA_EXPECTED = 0.001
# The chance that an assumption that changes nothing seems to help, over all that are tried.
ALPHA_CAUSE = 0.001
# By how much the mean log-probability of the labels has to grow: rounding is as certain as anything else.
LEAST_GAIN = 0.05
# Causes that are told.
TOLD = 2
# After so many seconds no further cause is tried: a job of a cluster has its limit.
SECONDS = 600


@dataclass(frozen=True)
class Suspicion:
    """A mistake without which the network would be better.

    Attributes
    ----------
    cause
        Which one.
    words
        The assumption that undoes it.
    accuracy
        Under this assumption.
    gain
        By how much the mean log-probability of the labels grows.
    remedy
        What to do about it.
    """

    cause: type[Cause]
    words: str
    accuracy: float
    gain: float
    remedy: str


@dataclass(frozen=True)
class Accuracy:
    """What came out.

    Attributes
    ----------
    samples, right
        Numbers of labelled samples.
    expected
        The config's ``expect.accuracy``, or None.
    tried
        Titles of the causes that were tried.
    suspicions
        The best one of each cause, the largest gain first.
    """

    samples: int
    right: int
    expected: float | None
    tried: Sequence[str]
    suspicions: Sequence[Suspicion]

    @property
    def too_low(self) -> bool:
        """Whether it is far below what is expected."""
        return self.expected is not None and too_low(self.right, self.samples, self.expected)

    @property
    def line(self) -> str:
        """All of it in one line."""
        low, high = wilson(self.right, self.samples)
        share = f"{percent(self.right / self.samples)} of {self.samples} labelled samples"
        text = f"accuracy is {share} (95 % interval {percent(low)} to {percent(high)})"
        if self.expected is not None:
            text += f", expected is {percent(self.expected)}"
        if told := self.suspicions[:TOLD]:
            text += "; the network is surer of the labels with " + ", or with ".join(
                f"{one.words} (accuracy {percent(one.accuracy)}): {one.remedy}" for one in told
            )
        elif self.too_low:
            text += (
                f": {', '.join(self.tried)} were tried and explain nothing; compare weights, resize, crop and "
                "interpolation with those of the training"
            )
        return text


def too_low(right: int, samples: int, expected: float) -> bool:
    """Whether so few samples are right by chance in one of a thousand cases only.

    Examples
    --------
    >>> too_low(45, 64, 0.88), too_low(52, 64, 0.88)
    (True, False)
    """
    from scipy import stats

    return bool(stats.binom.cdf(right, samples, expected) < ALPHA_EXPECTED)


def accuracy(samples: Labelled, predict: Callable[[np.ndarray], np.ndarray], expected: float | None = None) -> Accuracy:
    """Count how many samples are right, and try the opposite of each usual mistake.

    What helps is told by the log-probability of each sample's label, before and after (Wilcoxon's signed-rank test,
    one-sided; Bonferroni over all that is tried): a network that is robust loses little accuracy by a mistake, but
    becomes less sure.

    Parameters
    ----------
    samples
        At least one; its scores are log-probabilities.
    predict
        Gives log-probabilities ``(n, classes)`` for what the network sees, ``(n, c, *spatial)``.
    expected
        Share of samples that should be right.
    """
    from scipy import stats

    end, found = time.monotonic() + SECONDS, []
    for cause, attempt in ((kind, one) for kind in causes().values() for one in kind.attempts(samples, predict)):
        found.append((cause, attempt))
        if time.monotonic() > end:
            break
    best: dict[str, Suspicion] = {}
    before = _of_labels(samples.scores, samples.labels)
    for cause, attempt in found:
        gains = _of_labels(attempt.scores, samples.labels) - before
        gain = float(gains.mean())
        if gain < LEAST_GAIN or stats.wilcoxon(gains, alternative="greater").pvalue * len(found) >= ALPHA_CAUSE:
            continue
        share = float((attempt.scores.argmax(1) == samples.labels).mean())
        if cause.name not in best or gain > best[cause.name].gain:
            best[cause.name] = Suspicion(cause, attempt.words, share, gain, attempt.remedy or cause.remedy)
    tried = list(dict.fromkeys(cause.title for cause, _ in found))
    right = int((samples.predicted == samples.labels).sum())
    return Accuracy(len(samples.labels), right, expected, tried, sorted(best.values(), key=lambda one: -one.gain))


def _of_labels(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return scores[np.arange(len(labels)), labels].astype(float)
