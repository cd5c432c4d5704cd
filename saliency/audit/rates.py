"""Shares of predictions, such as recall: their intervals, and the exact test of two shares within strata."""

from collections.abc import Sequence
from functools import cache

import numpy as np

# Smaller probabilities are left out of sums.
NEGLIGIBLE = 1e-30


@cache
def wilson(right: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Interval of a share, by Wilson's score.

    .. math:: \frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4n^2}}}
              {1 + \frac{z^2}{n}}, \qquad \hat p = \frac{k}{n}

    Parameters
    ----------
    right
        :math:`k`, out of `count`.
    count
        :math:`n`.
    confidence
        Of the interval.

    Returns
    -------
    low, high
        NaN where `count` is 0.

    Notes
    -----
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927,
    https://doi.org/10.1080/01621459.1927.10502953. It keeps its level for small counts and for shares near 0 and 1
    (Brown, Cai & DasGupta, "Interval estimation for a binomial proportion", 2001,
    https://doi.org/10.1214/ss/1009213286).

    Examples
    --------
    >>> low, high = wilson(3, 42)
    >>> round(low, 3), round(high, 3)
    (0.025, 0.19)
    """
    from scipy import stats

    if not count:
        return np.nan, np.nan
    # Of its own share the p-value, which nobody asks for, takes no search.
    test = stats.binomtest(int(right), int(count), right / count)
    found = test.proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def exact_test(
    right: Sequence[int] | np.ndarray,
    count: Sequence[int] | np.ndarray,
    right_rest: Sequence[int] | np.ndarray,
    count_rest: Sequence[int] | np.ndarray,
) -> float:
    r"""Test, within strata, whether as large a share is right in a group as in the rest.

    Given how many are right in each stratum, and how large group and rest are, the number :math:`T` of right ones in
    the group is a sum of independent hypergeometric variables if the shares do not differ. The p-value is

    .. math:: p = \sum_{t: P(T = t) \le P(T = t_{observed})} P(T = t)

    With one stratum it is Fisher's exact test.

    Parameters
    ----------
    right, count
        ``(strata,)``: of the group's samples in each stratum, how many are right, and how many there are.
    right_rest, count_rest
        The same of the rest.

    Returns
    -------
    float
        Two-sided; NaN where no other number than the observed one is possible, so that nothing can be tested.

    Notes
    -----
    Mehta, Patel & Gray, "Computing an exact confidence interval for the common odds ratio in several 2 x 2 contingency
    tables", 1985, https://doi.org/10.1080/01621459.1985.10478212. It is the exact form of the test of Mantel & Haenszel
    (1959, https://doi.org/10.1093/jnci/22.4.719), and keeps its level however few samples a stratum has. Smaller values
    than 1e-30 are given as that.

    Examples
    --------
    >>> round(exact_test([5], [5], [0], [5]) * 252, 6)  # 2 of the 252 ways to draw 5 of 10
    2.0
    >>> exact_test([5, 3], [5, 3], [5, 2], [5, 2])
    nan
    """
    total, begin = np.ones(1), 0
    for inside, size, outside, rest in zip(right, count, right_rest, count_rest, strict=True):
        every = int(inside + outside)
        values = np.arange(max(0, every - int(rest)), min(every, int(size)) + 1)
        begin += int(values[0])
        if len(values) == 1:
            continue
        # `scipy.stats.hypergeom.pmf` takes fifty times as long, minutes for a large table.
        ways = _log_choose(size, values) + _log_choose(rest, every - values)
        total = np.convolve(total, np.exp(ways - _log_choose(size + rest, every)))
        # Else strata of thousands of samples would carry along tails of numbers that never occur.
        likely = np.flatnonzero(total > NEGLIGIBLE)
        total, begin = total[likely[0] : likely[-1] + 1], begin + int(likely[0])
    if len(total) == 1:
        return np.nan
    observed = sum(map(int, right)) - begin
    if not 0 <= observed < len(total):
        return NEGLIGIBLE
    # Probabilities that are equal on paper may differ by rounding.
    return float(min(1.0, max(NEGLIGIBLE, total[total <= total[observed] * (1 + 1e-7)].sum())))


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    """Logarithm of the binomial coefficient."""
    from scipy.special import betaln

    return -np.log1p(n) - betaln(n - k + 1, k + 1)
