"""Two models on the same changed pictures: which of them a property turns more often."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from saliency.audit.findings.words import counted
from saliency.report.comparison import LEVEL, p_words

PAIR = ["class", "intervention", "variant", "words", "verb", "source", "target", "label"]


def difference_interval(only_first: int, only_second: int, count: int, tests: int = 1) -> tuple[float, float]:
    r"""Interval of the difference of two shares of the same pairs, that of the first less that of the second.

    With one pair added to each of the two kinds of pairs on which they differ, :math:`\tilde p_1` and
    :math:`\tilde p_2` are the shares of these kinds among :math:`n + 2`:

    .. math:: \tilde p_1 - \tilde p_2 \pm z \sqrt{(\tilde p_1 + \tilde p_2 - (\tilde p_1 - \tilde p_2)^2) / (n + 2)}

    The intervals of all tests hold their differences together in 95 % of runs (Bonferroni), so that the one that is
    told because it is the largest is not too narrow.

    Notes
    -----
    Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data",
    2012, https://doi.org/10.3102/1076998611411915

    Examples
    --------
    >>> [round(end, 3) for end in difference_interval(0, 0, 98)]
    [-0.028, 0.028]
    """
    from scipy import stats

    z = float(stats.norm.ppf(1 - 0.025 / tests))
    first, second = (only_first + 1) / (count + 2), (only_second + 1) / (count + 2)
    middle = first - second
    half = z * math.sqrt((first + second - middle**2) / (count + 2))
    return max(-1.0, middle - half), min(1.0, middle + half)


def paired_tests(first: pd.DataFrame, second: pd.DataFrame, usable: set[str]) -> list[dict[str, Any]]:
    """Compare the answers of two models, pair by pair, with the exact test of McNemar.

    Only targets that both put into their own class count: of those, each that turns is a loss of recall.

    Parameters
    ----------
    first, second
        As `saliency.audit.probes.paired_transfer.write_paired_transfer` writes them.
    usable
        Ids of the samples by which both models are judged.

    Returns
    -------
    list of dict
        One for each class and variant: ``class, words, verb, count, turned`` (of both), ``only`` (turned in one model
        alone, of both), ``targets`` (their ids, of both), ``difference`` (share of the first less that of the second)
        and ``p``.
    """
    from scipy import stats

    both = first.merge(second, on=PAIR, suffixes=("", "_second"))
    both = both[(both["before"] == both["label"]) & (both["before_second"] == both["label"])]
    both = both[both["source"].isin(usable) & both["target"].isin(usable)]
    found = []
    for _, part in both.groupby(PAIR[:5], sort=False):
        given = part.iloc[0]
        turned = [part[column].eq(given["class"]).to_numpy() for column in ("after", "after_second")]
        alone = [turned[0] & ~turned[1], turned[1] & ~turned[0]]
        only = int(alone[0].sum()), int(alone[1].sum())
        found.append(
            {
                "class": int(given["class"]),
                "words": str(given["words"]),
                "verb": str(given["verb"]),
                "count": len(part),
                "turned": tuple(int(of.sum()) for of in turned),
                "only": only,
                "targets": tuple(part["target"][of].unique().tolist() for of in alone),
                "difference": (only[0] - only[1]) / len(part),
                "p": float(stats.binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0,
            }
        )
    return found


def strongest(tests: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, tuple[float, float]]:
    """The largest difference that is shown and its interval, after `saliency.report.comparison.correct_together`.

    It is shown where both the test and the interval say so; None and the interval of everything without any.

    Examples
    --------
    >>> tests = [{"difference": 0.5, "only": (5, 0), "count": 10, "p_adjusted": 0.2, "tests": 2}]
    >>> tests.append({"difference": -0.3, "only": (0, 12), "count": 40, "p_adjusted": 0.001, "tests": 2})
    >>> strongest(tests)[0]["difference"], strongest(tests[:1])[0]
    (-0.3, None)
    """
    for one in sorted(tests, key=lambda test: -abs(test["difference"])):
        first, second = one["only"]
        low, high = difference_interval(first, second, one["count"], one["tests"])
        if one["p_adjusted"] < LEVEL and (low > 0 or high < 0):
            return one, (low, high)
    return None, (-1.0, 1.0)


def transfer_verdict(
    models: tuple[str, str], tests: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> tuple[str, Mapping[str, Any] | None]:
    """Say where two models differ most, after `saliency.report.comparison.correct_together`.

    Parameters
    ----------
    models
        Names of both.
    tests
        Of `paired_tests`.
    names
        Of the classes.

    Returns
    -------
    sentence
        "" where nothing was tested.
    test
        The one that the sentence is about, None where no difference is shown.

    Examples
    --------
    >>> test = {"class": 1, "words": "outer frame", "verb": "Pasting", "count": 40, "turned": (0, 30), "only": (0, 30)}
    >>> test |= {"difference": -0.75, "p_adjusted": 1e-6, "tests": 9}
    >>> print(transfer_verdict(("a", "b"), [test], ["dog", "cat"])[0])  # doctest: +NORMALIZE_WHITESPACE
    Pasting the outer frame of class 'cat' pictures to 40 others that both models have right costs b 75 points of
    recall, and a 0: they become class 'cat' (difference 75 points, 95 % interval 50 to 93; exact McNemar test:
    p < 0.001; both corrected for 9 tests).
    """
    if not tests:
        return "", None
    test, interval = strongest(tests)
    if test is None:
        return (
            f"No difference is shown in {counted(len(tests), 'transfer test')} on the same pictures: no property turns "
            f"more of them in one of {models[0]} and {models[1]} than in the other.",
            None,
        )
    more = int(test["difference"] < 0)
    lost = [round(100 * turned / test["count"]) for turned in test["turned"]]
    ends = sorted(abs(100 * end) for end in interval)
    p, corrected, number = p_words(test).partition(", corrected")
    index = test["class"]
    name = f"'{names[index]}'" if index < len(names) and names[index] else str(index)
    return (
        f"{test['verb']} the {test['words']} of class {name} pictures to {test['count']} others that both models have "
        f"right costs {models[more]} {lost[more]} points of recall, and {models[1 - more]} {lost[1 - more]}: they "
        f"become class {name} (difference {abs(100 * test['difference']):.0f} points, 95 % interval {ends[0]:.0f} to "
        f"{ends[1]:.0f}; exact McNemar test: {p}{'; both corrected' if corrected else ''}{number}).",
        test,
    )
