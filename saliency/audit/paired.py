"""What is better than what, of several that were measured on the same samples: intervals, and paired tests."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from saliency.audit.groups import holm

PAIR_COLUMNS = ("method", "other", "count", "difference", "low", "high", "p")


def mean_interval(values: np.ndarray, resamples: int, seed: int, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean.

    Parameters
    ----------
    values
        ``(n,)``, finite.
    resamples
        Bootstrap samples.
    seed
        Of the bootstrap.
    confidence
        Of the interval.

    Returns
    -------
    low, high
        NaN for fewer than two values.

    Notes
    -----
    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979, https://doi.org/10.1214/aos/1176344552

    Examples
    --------
    >>> mean_interval(np.full(5, 0.25), 100, 0)
    (0.25, 0.25)
    """
    if len(values) < 2:
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_differences(values: Mapping[str, np.ndarray], resamples: int, seed: int) -> pd.DataFrame:
    """Compare each two of several over the samples that both have a value of.

    Parameters
    ----------
    values
        By name ``(n,)``, of the same samples in the same order; NaN where a sample has no value.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per pair: ``method, other, count`` (samples with both), ``difference`` (mean of the first less that of
        the second), ``low`` and ``high`` (its 95 % interval), ``p`` (Wilcoxon's signed-rank test, two-sided; 1 where
        all differences are 0, NaN without a pair of values).

    Notes
    -----
    Wilcoxon, "Individual Comparisons by Ranking Methods", 1945, https://doi.org/10.2307/3001968

    Examples
    --------
    >>> values = {"a": np.arange(1.0, 7.0), "b": np.zeros(6)}
    >>> paired_differences(values, 100, 0)[["difference", "p"]].to_dict("records")  # 2 of the 2 ** 6 orders of signs
    [{'difference': 3.5, 'p': 0.03125}]
    """
    from scipy import stats

    rows = []
    for first, second in combinations(values, 2):
        difference = values[first] - values[second]
        difference = difference[np.isfinite(difference)]
        row = {"method": first, "other": second, "count": len(difference)}
        if len(difference):
            low, high = mean_interval(difference, resamples, seed)
            p = float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0
            row |= {"difference": difference.mean(), "low": low, "high": high, "p": p}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


def corrected(pairs: pd.DataFrame) -> pd.DataFrame:
    """Add ``p_adjusted``, corrected by Holm's method over all rows."""
    return pairs.assign(p_adjusted=holm(pairs["p"].to_numpy(dtype=float)))


def told_apart(means: Mapping[str, float], pairs: pd.DataFrame, higher: bool, alpha: float) -> tuple[list[str], bool]:
    """Find those that are not told apart from the best: by the test, and by the interval of the mean difference.

    Parameters
    ----------
    means
        By name; NaN takes no part.
    pairs
        Of `paired_differences`, `corrected`.
    higher
        Whether the best has the highest mean, else the lowest.
    alpha
        Level of the tests.

    Returns
    -------
    best
        The one with the best mean, and after it those for which no test says that it is better.
    any
        Whether any test tells any two apart.

    Examples
    --------
    >>> pair = {"method": "a", "other": "b", "difference": 0.2, "low": 0.1, "high": 0.3, "p_adjusted": 0.01}
    >>> told_apart({"a": 0.5, "b": 0.3}, pd.DataFrame([pair]), True, 0.05)
    (['a'], True)
    >>> told_apart({"a": 0.5, "b": 0.3}, pd.DataFrame([pair | {"low": -0.1}]), True, 0.05)
    (['a', 'b'], False)
    """
    known = sorted((name for name, mean in means.items() if np.isfinite(mean)), key=lambda name: means[name])
    ranked = known[::-1] if higher else known
    # Ranks may differ one way and means the other.
    significant = pairs[(pairs["p_adjusted"] < alpha) & ((pairs["low"] > 0) | (pairs["high"] < 0))]
    worse = set()
    for first, second, difference in significant[["method", "other", "difference"]].to_numpy(dtype=object).tolist():
        better, other = (first, second) if (difference > 0) == higher else (second, first)
        if ranked and better == ranked[0]:
            worse.add(other)
    return [name for name in ranked if name not in worse], len(significant) > 0
