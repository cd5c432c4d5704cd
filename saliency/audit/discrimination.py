"""How well the probability of a class tells samples that have it from those that do not."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from saliency.steps.multilabel import said_and_labelled

DISCRIMINATION_COLUMNS = ("class", "name", "positives", "negatives", "prevalence", "auroc", "low", "high")


def auroc(shares: np.ndarray, has: np.ndarray) -> float:
    r"""Area under the ROC curve: how often a sample with the class has the higher value of a pair; ties count half.

    .. math:: \frac{1}{mn} \sum_{i: y_i = 1} \sum_{j: y_j = 0} [x_i > x_j] + \tfrac12 [x_i = x_j]

    Parameters
    ----------
    shares
        ``(n,)``.
    has
        ``(n,)``, bool.

    Examples
    --------
    >>> auroc(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False]))
    0.75
    """
    from scipy import stats

    positives = int(has.sum())
    ranks = stats.rankdata(shares)[has].sum()
    pairs = positives * (len(has) - positives)
    return float((ranks - positives * (positives + 1) / 2) / pairs) if pairs else np.nan


def auroc_interval(area: float, positives: int, negatives: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Confidence interval of an area under the ROC curve: the values :math:`\theta` that do not contradict it.

    .. math:: (\hat\theta - \theta)^2 \le z^2 V(\theta), \qquad V(\theta) = \frac{\theta (1 - \theta)}{mn} \left(1 +
              (N - 1) \left(\frac{1 - \theta}{2 - \theta} + \frac{\theta}{1 + \theta}\right)\right), \quad
              N = \frac{m + n}{2}

    It is to this area what Wilson's interval is to a share, and has a width also where the area is 1. Newcombe,
    "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2", method 5, 2006,
    https://doi.org/10.1002/sim.2324

    Parameters
    ----------
    area
        :math:`\hat\theta`.
    positives, negatives
        m and n.
    confidence
        Of the interval.

    Returns
    -------
    low, high
        NaN where there is no pair.

    Examples
    --------
    >>> low, high = auroc_interval(1.0, 20, 20)
    >>> round(low, 2), high
    (0.9, 1.0)
    """
    from scipy import optimize, stats

    pairs = positives * negatives
    if not pairs:
        return np.nan, np.nan
    z = float(stats.norm.ppf(0.5 + confidence / 2))

    def excess(value: float) -> float:
        spread = 1 + ((positives + negatives) / 2 - 1) * ((1 - value) / (2 - value) + value / (1 + value))
        return (area - value) ** 2 - z**2 * value * (1 - value) * spread / pairs

    # An area of 0 or 1 is itself a root.
    inside = float(np.clip(area, 1e-12, 1 - 1e-12))
    low = optimize.brentq(excess, 0, inside) if area > 0 else 0.0
    high = optimize.brentq(excess, inside, 1) if area < 1 else 1.0
    return float(low), float(high)


def discrimination(samples: pd.DataFrame, names: Sequence[str] = ()) -> pd.DataFrame:
    """Area under the ROC curve of each class against all samples without it.

    Parameters
    ----------
    samples
        With the columns of `saliency.steps.multilabel.multilabel_table`.
    names
        Of the classes; may be empty.

    Returns
    -------
    DataFrame
        One row per class: ``class, name``, numbers of ``positives`` and ``negatives`` with a known label, the
        ``prevalence``, and ``auroc`` with its interval ``low, high``; NaN where either is missing.

    Examples
    --------
    >>> samples = pd.DataFrame({"label": ["1", "", "1"], "predicted_classes": ["1", "", ""], "correct": [True] * 3,
    ...                         "probabilities": ["0.1;0.9", "0.2;0.3", "0.3;0.4"]})
    >>> discrimination(samples, ["cat", "dog"])[["name", "positives", "auroc"]].values.tolist()
    [['cat', 0, nan], ['dog', 2, 1.0]]
    """
    shares, _, has = said_and_labelled(samples)
    known = np.isfinite(has).all(axis=1) & bool(shares.shape[1])
    rows = []
    for index in range(shares.shape[1]):
        positive = has[known, index] == 1
        positives, negatives = int(positive.sum()), int((~positive).sum())
        area = auroc(shares[known, index], positive)
        low, high = auroc_interval(area, positives, negatives)
        row = (index, names[index] if index < len(names) else "", positives, negatives)
        rows.append((*row, positives / len(positive) if len(positive) else np.nan, area, low, high))
    return pd.DataFrame(rows, columns=list(DISCRIMINATION_COLUMNS))
