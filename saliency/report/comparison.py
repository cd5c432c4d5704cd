"""Two models on the same samples: which is right where the other is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from saliency.audit.groups import holm
from saliency.audit.rates import wilson

# Corrected p-values from which on a difference may be chance.
LEVEL = 0.05


def accuracy(correct: pd.Series, rows: np.ndarray) -> dict[str, Any]:
    """How many of some samples are right, with Wilson's interval.

    Parameters
    ----------
    correct
        Whether the prediction is right, NA where that is not known.
    rows
        ``(n,)``, bool: the samples.

    Returns
    -------
    dict
        ``samples``, ``labelled``, ``correct``, and ``share, low, high``, NaN where no label is known.

    Examples
    --------
    >>> accuracy(pd.Series([True, False, None, True]), np.array([True, True, True, False]))["share"]
    0.5
    """
    known = correct[rows].dropna().astype(bool)
    right, count = int(known.sum()), len(known)
    low, high = wilson(right, count)
    share = right / count if count else np.nan
    return {"samples": int(rows.sum()), "labelled": count, "correct": right, "share": share, "low": low, "high": high}


def compared(first: pd.DataFrame, second: pd.DataFrame, rows: np.ndarray) -> dict[str, Any]:
    r"""Compare two models on the samples whose prediction both have, with the exact test of McNemar.

    Of the :math:`a` samples that only the first model has right and the :math:`b` that only the second has, each is as
    likely under the hypothesis that neither is better:

    .. math:: p = P\left(|X - \tfrac{a+b}{2}| \ge |a - \tfrac{a+b}{2}|\right), \qquad X \sim \mathrm{Bin}(a + b, 1/2)

    Parameters
    ----------
    first, second
        ``correct``, and ``predicted_class`` or ``predicted_classes``, of the same samples.
    rows
        ``(n,)``, bool: which of them are compared.

    Returns
    -------
    dict
        ``samples`` (with a label and both predictions), ``right`` (of both models), ``only`` (that one model alone has
        right, of both), ``p`` (NaN without any sample: nothing was tested), and ``differ``: the samples for which the
        two predict different classes.

    Notes
    -----
    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947,
    https://doi.org/10.1007/BF02295996

    Examples
    --------
    >>> first = pd.DataFrame({"correct": [True] * 9 + [False], "predicted_class": [0] * 10})
    >>> second = pd.DataFrame({"correct": [True] * 3 + [False] * 7, "predicted_class": [0] * 3 + [1] * 7})
    >>> found = compared(first, second, np.ones(10, dtype=bool))
    >>> found["only"], found["differ"], found["p"]
    ((6, 0), 7, 0.03125)
    """
    from scipy import stats

    both = rows & first["correct"].notna().to_numpy() & second["correct"].notna().to_numpy()
    right = [table["correct"][both].to_numpy(dtype=bool) for table in (first, second)]
    only = (int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
    # A sample of several classes has a list of them.
    name = "predicted_classes" if "predicted_classes" in first else "predicted_class"
    classes = [table[name] for table in (first, second)]
    said = rows & classes[0].notna().to_numpy() & classes[1].notna().to_numpy()
    p = float(stats.binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0
    if not both.any():
        p = np.nan
    return {
        "samples": int(both.sum()),
        "right": tuple(int(of.sum()) for of in right),
        "only": only,
        "p": p,
        "differ": int((classes[0][said].to_numpy() != classes[1][said].to_numpy()).sum()),
    }


def correct_together(found: Sequence[dict[str, Any]]) -> None:
    """Add ``p_adjusted`` and ``tests`` to the results of all pairs and measures: Holm's correction for their number.

    Parameters
    ----------
    found
        Each with ``p``; NaN is no test and does not count.

    Examples
    --------
    >>> found = [{"p": 0.01}, {"p": 0.04}, {"p": float("nan")}]
    >>> correct_together(found)
    >>> [(one["p_adjusted"], one["tests"]) for one in found]
    [(0.02, 2), (0.04, 2), (nan, 2)]
    """
    p = np.array([one["p"] for one in found], dtype=float)
    tests = int(np.isfinite(p).sum())
    for one, adjusted in zip(found, holm(p).tolist(), strict=True):
        one |= {"p_adjusted": adjusted, "tests": tests}


def verdict(names: tuple[str, str], found: Mapping[str, Any]) -> str:
    """Say what `compared` found, after `correct_together`.

    Examples
    --------
    >>> found = {"samples": 100, "right": (90, 80), "only": (12, 2), "p": 0.0129, "p_adjusted": 0.0258, "tests": 2}
    >>> print(verdict(("a", "b"), found))  # doctest: +NORMALIZE_WHITESPACE
    a is right more often than b on the same 100 samples: 90 against 80. Only a is right in 12, only b in 2 (exact
    McNemar test: p = 0.026, corrected for 2 tests).
    >>> print(verdict(("a", "b"), found | {"right": (90, 89), "only": (5, 4), "p_adjusted": 1.0})[:60])
    No difference is shown between a and b on the same 100 sampl
    """
    (first, second), (right, right_of_other) = names, found["right"]
    if not found["samples"]:
        return f"{first} and {second} cannot be compared: no sample has a label and a prediction of both."
    on = f"on the same {found['samples']:,} samples"
    if found["p_adjusted"] >= LEVEL:
        begin = f"No difference is shown between {first} and {second} {on}: {right:,} and {right_of_other:,} are right"
    elif right > right_of_other:
        begin = f"{first} is right more often than {second} {on}: {right:,} against {right_of_other:,}"
    else:
        begin = f"{second} is right more often than {first} {on}: {right_of_other:,} against {right:,}"
    ours, theirs = found["only"]
    test = f"exact McNemar test: {p_words(found)}"
    return f"{begin}. Only {first} is right in {ours:,}, only {second} in {theirs:,} ({test})."


def p_words(found: Mapping[str, Any]) -> str:
    """Write the p-value of a test, after `correct_together`.

    Examples
    --------
    >>> p_words({"p_adjusted": 0.0123, "tests": 1}), p_words({"p_adjusted": 1e-9, "tests": 3})
    ('p = 0.012', 'p < 0.001, corrected for 3 tests')
    """
    p, tests = found["p_adjusted"], found["tests"]
    value = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    return f"{value}, corrected for {tests} tests" if tests > 1 else value


def calibration(first: pd.DataFrame, second: pd.DataFrame, rows: np.ndarray) -> dict[str, Any]:
    r"""Compare how well the probabilities of two models fit: the Brier score of the predicted class, and a paired test.

    The test is Wilcoxon's signed-rank test of the samples' squared errors.

    .. math:: B = \frac{1}{n} \sum_i (p_i - y_i)^2

    for the probability :math:`p_i` of the predicted class and :math:`y_i`, 1 where it is right.

    Parameters
    ----------
    first, second
        ``probability`` and ``correct`` of the same samples.
    rows
        ``(n,)``, bool: which of them are compared.

    Returns
    -------
    dict
        ``scores`` (of both) and ``p``; both are NaN where fewer than two samples can be compared.

    Notes
    -----
    Brier, "Verification of forecasts expressed in terms of probability", 1950,
    https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

    Examples
    --------
    >>> sure = pd.DataFrame({"probability": [0.9] * 8, "correct": [True] * 8})
    >>> unsure = pd.DataFrame({"probability": [0.6] * 8, "correct": [True] * 8})
    >>> found = calibration(sure, unsure, np.ones(8, dtype=bool))
    >>> [round(score, 3) for score in found["scores"]], found["p"]  # 2 of the 2 ** 8 orders of signs
    ([0.01, 0.16], 0.0078125)
    """
    from scipy import stats

    tables = [table[["probability", "correct"]].astype(float).to_numpy() for table in (first, second)]
    both = rows & np.isfinite(tables[0]).all(axis=1) & np.isfinite(tables[1]).all(axis=1)
    errors = [(table[both, 0] - table[both, 1]) ** 2 for table in tables]
    if both.sum() < 2:
        return {"scores": (np.nan, np.nan), "p": np.nan}
    # Tiny differences of rounding are none.
    gaps = np.round(errors[0] - errors[1], 9)
    p = float(stats.wilcoxon(gaps).pvalue) if gaps.any() else 1.0
    return {"scores": tuple(float(error.mean()) for error in errors), "p": p}


def calibration_verdict(names: tuple[str, str], found: Mapping[str, Any]) -> str:
    """Say what `calibration` found, after `correct_together`; "" where nothing was tested.

    Examples
    --------
    >>> found = {"scores": (0.01, 0.16), "p": 0.0078, "p_adjusted": 0.0156, "tests": 2}
    >>> print(calibration_verdict(("a", "b"), found))  # doctest: +NORMALIZE_WHITESPACE
    The probabilities of a fit better: Brier score 0.010 against 0.160 (Wilcoxon test of pairs: p = 0.016, corrected
    for 2 tests).
    """
    if not np.isfinite(found["p_adjusted"]):
        return ""
    scores = found["scores"]
    test = f"Wilcoxon test of pairs: {p_words(found)}"
    if found["p_adjusted"] >= LEVEL:
        return (
            f"No difference is shown in how well the probabilities fit: Brier score {scores[0]:.3f} of {names[0]}, "
            f"{scores[1]:.3f} of {names[1]} ({test})."
        )
    better = int(scores[1] < scores[0])
    return (
        f"The probabilities of {names[better]} fit better: Brier score {scores[better]:.3f} against "
        f"{scores[1 - better]:.3f} ({test})."
    )
