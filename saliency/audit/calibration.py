"""Whether a model is right as often as its probabilities say."""

import numpy as np
import pandas as pd

from saliency.audit.rates import wilson

CALIBRATION_COLUMNS = ("above", "up_to", "count", "confidence", "accuracy", "accuracy_low", "accuracy_high", "error")


def reliability(probability: np.ndarray, correct: np.ndarray, bins: int = 10) -> pd.DataFrame:
    r"""Compare probabilities of the predicted class with how often it is right, in bins of equal width.

    The last column adds up to the expected calibration error,

    .. math:: ECE = \sum_b \frac{n_b}{n} \left| acc_b - conf_b \right|

    Parameters
    ----------
    probability
        ``(n,)``: of the predicted class, 0 … 1.
    correct
        ``(n,)``: 1 or 0. Samples where one of both is NaN do not count.
    bins
        Their number.

    Returns
    -------
    DataFrame
        One row for each bin with samples: ``above, up_to`` (its limits), ``count``, ``confidence`` (mean probability),
        ``accuracy``, its Wilson interval ``accuracy_low, accuracy_high``, and ``error``, the bin's term of the sum.

    Notes
    -----
    Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015,
    https://doi.org/10.1609/aaai.v29i1.9602; Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599. Of few samples the sum is too large, since chance adds to every bin.

    Examples
    --------
    >>> table = reliability(np.array([0.95, 0.95, 0.95, 0.95, 0.55]), np.array([1, 1, 1, 0, 1]))
    >>> table[["up_to", "count", "confidence", "accuracy"]].round(2).values.tolist()
    [[0.6, 1.0, 0.55, 1.0], [1.0, 4.0, 0.95, 0.75]]
    >>> round(float(table["error"].sum()), 3)  # 4/5 of 0.2, and 1/5 of 0.45
    0.25
    """
    known = np.isfinite(probability) & np.isfinite(correct)
    shares, right = probability[known], correct[known]
    limits = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(limits[1:-1], shares)
    rows = []
    for number in np.unique(bin_of):
        inside = bin_of == number
        count, confidence, accuracy = int(inside.sum()), float(shares[inside].mean()), float(right[inside].mean())
        interval = wilson(int(right[inside].sum()), count)
        error = count / len(shares) * abs(accuracy - confidence)
        rows.append((limits[number], limits[number + 1], count, confidence, accuracy, *interval, error))
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))
