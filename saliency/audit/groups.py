"""How measures are distributed in groups of samples, and in which groups they differ from the rest."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from saliency.experiment.keys.audit_settings import STATISTICS_KEYS
from saliency.registry.key import default_of

# Values that are resampled at a time.
BATCH = 2**20
SUMMARY_COLUMNS = (
    *("group", "measure", "count", "mean", "mean_low", "mean_high", "median", "median_low", "median_high"),
    *("quartile_1", "quartile_3"),
)
_TESTED = ("column", "group", "measure", "count", "rest", "mean", "mean_rest", "effect", "p")
TEST_COLUMNS = (*_TESTED, "p_adjusted")


def grouping_columns(
    table: pd.DataFrame,
    columns: Sequence[str],
    min_count: int = default_of(STATISTICS_KEYS, "min_count"),
    max_groups: int = 20,
) -> tuple[dict[str, pd.Series], dict[str, str]]:
    """Divide samples into groups by each column.

    Parameters
    ----------
    table
        One row per sample.
    columns
        Numbers with more than `max_groups` different values are cut at their quartiles.
    min_count
        Smaller groups are left out.
    max_groups
        Text columns with more groups, such as names of subjects, are skipped.

    Returns
    -------
    groups
        By column: each row's group as text, NaN where it has none.
    skipped
        By column: why it gives no groups.

    Examples
    --------
    >>> table = pd.DataFrame({"site": ["a", "b"] * 10, "id": [f"s{number}" for number in range(20)]})
    >>> groups, skipped = grouping_columns(table, ["site", "id"], max_groups=5)
    >>> groups["site"].value_counts().to_dict(), skipped
    ({'a': 10, 'b': 10}, {'id': '20 different values, more than 5'})
    """
    groups: dict[str, pd.Series] = {}
    skipped: dict[str, str] = {}
    for column in columns:
        values = table[column].replace("", np.nan)
        distinct = values.nunique()
        if distinct > max_groups:
            numbers = pd.to_numeric(values, errors="coerce")
            if numbers.count() < values.count():
                skipped[column] = f"{distinct} different values, more than {max_groups}"
                continue
            values = pd.qcut(numbers, 4, duplicates="drop")
        # Categories of intervals would otherwise count where no sample is left in them.
        text = values.astype(object).map(str, na_action="ignore")
        text = text.where(text.map(text.value_counts()) >= min_count)
        if text.nunique() < 2:
            skipped[column] = f"fewer than 2 groups of at least {min_count} samples"
        else:
            groups[column] = text
    return groups, skipped


def describe_groups(
    table: pd.DataFrame,
    groups: pd.Series,
    measures: Sequence[str],
    confidence: float = 0.95,
    resamples: int = default_of(STATISTICS_KEYS, "resamples"),
    seed: int = 0,
) -> pd.DataFrame:
    """Distribution of each measure in each group, with percentile bootstrap intervals.

    Parameters
    ----------
    table
        One row per sample, with the columns `measures`: numbers or booleans (accuracy is the mean of ``correct``).
    groups
        Each row's group; rows without one are left out.
    measures
        NaN in a measure leaves the sample out for that measure.
    confidence
        Of the intervals.
    resamples
        Bootstrap samples.
    seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per group and measure: ``group, measure, count, mean, mean_low, mean_high, median, median_low,
        median_high, quartile_1, quartile_3``. Intervals are NaN for fewer than two values.

    Notes
    -----
    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979, https://doi.org/10.1214/aos/1176344552

    Examples
    --------
    >>> table = pd.DataFrame({"spread": [0.1, 0.2, 0.6, 0.5]})
    >>> summary = describe_groups(table, pd.Series(["a", "a", "b", "b"]), ["spread"])
    >>> summary[["group", "count", "mean"]].round(2).to_dict("list")
    {'group': ['a', 'b'], 'count': [2, 2], 'mean': [0.15, 0.55]}
    """
    from scipy import stats

    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for group, part in table.groupby(groups.to_numpy()):
        for measure in measures:
            values = _finite(part[measure])
            row: dict[str, object] = {"group": group, "measure": measure, "count": len(values)}
            if len(values):
                first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
                row |= {"mean": values.mean(), "median": median, "quartile_1": first, "quartile_3": third}
            if len(values) > 1:
                interval = stats.bootstrap(
                    (values,),
                    _mean_and_median,
                    n_resamples=resamples,
                    batch=max(1, BATCH // len(values)),
                    confidence_level=confidence,
                    method="percentile",
                    rng=rng,
                ).confidence_interval
                row |= {"mean_low": interval.low[0], "mean_high": interval.high[0]}
                row |= {"median_low": interval.low[1], "median_high": interval.high[1]}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def compare_groups(
    table: pd.DataFrame,
    groups: Mapping[str, pd.Series],
    measures: Sequence[str],
    strata: pd.Series | None = None,
) -> pd.DataFrame:
    r"""Test for each group and measure whether the group differs from all other samples.

    The test is van Elteren's: Wilcoxon's rank sum within each stratum, weighted by the stratum's size. So a group that
    only has another mix of classes does not differ when the strata are the classes. With one stratum it is the
    Mann-Whitney U test, with ties and without continuity correction.

    .. math:: z = \frac{\sum_s (W_s - E[W_s]) / (N_s + 1)}{\sqrt{\sum_s Var[W_s] / (N_s + 1)^2}}

    Parameters
    ----------
    table
        One row per sample, with the columns `measures`.
    groups
        By column: each row's group, as `grouping_columns` gives them. Of two groups only the first is tested: the
        second would be the same test.
    measures
        NaN in a measure leaves the sample out for that measure.
    strata
        Each row's stratum; None for a single one.

    Returns
    -------
    DataFrame
        One row per test: ``column, group, measure, count, rest, mean, mean_rest, effect, p, p_adjusted``. ``effect`` is
        Cliff's delta, averaged over strata by their number of pairs: -1 … 1, the share of pairs in which the group's
        value is the larger less that in which it is the smaller. ``p`` is two-sided, and NaN where all values are the
        same; ``p_adjusted`` is corrected by Holm's method over all tests of the table.

    Notes
    -----
    van Elteren, "On the combination of independent two-sample tests of Wilcoxon", 1960. Cliff, "Dominance statistics",
    1993, https://doi.org/10.1037/0033-2909.114.3.494. Holm, "A simple sequentially rejective multiple test procedure",
    1979, https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> table = pd.DataFrame({"spread": range(20)})
    >>> halves = pd.Series(["low"] * 10 + ["high"] * 10)
    >>> compare_groups(table, {"half": halves}, ["spread"])[["group", "effect"]].to_dict("records")
    [{'group': 'high', 'effect': 1.0}]
    """
    stratum = np.zeros(len(table), dtype=int) if strata is None else _codes(strata)[0]
    parts = []
    for column, members in groups.items():
        codes, names = _codes(members)
        tested = names[:1] if len(names) == 2 else names
        for measure in measures:
            values = table[measure].to_numpy(dtype=float, na_value=np.nan)
            keep = np.isfinite(values) & (codes >= 0) & (stratum >= 0)
            found = _rank_sum_tests(values[keep], codes[keep], stratum[keep], len(names))
            found.insert(0, "group", names)
            found.insert(1, "measure", measure)
            parts.append(found.head(len(tested)).assign(column=column))
    columns = list(_TESTED)
    result = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return result.assign(p_adjusted=holm(result["p"].to_numpy(dtype=float)))


def holm(p: np.ndarray) -> np.ndarray:
    r"""Correct p-values for their number, :math:`\tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1) p_{(j)})`.

    Parameters
    ----------
    p
        ``(n,)``; NaN is no test and does not count.

    Returns
    -------
    ndarray
        ``(n,)``; the probability of any false positive is at most the level to which these are compared.

    Examples
    --------
    >>> holm(np.array([0.01, np.nan, 0.04, 0.03])).round(2).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return adjusted


def _rank_sum_tests(values: np.ndarray, group: np.ndarray, stratum: np.ndarray, groups: int) -> pd.DataFrame:
    """All groups against the rest at once; `group` and `stratum` are codes from 0 on."""
    from scipy import stats

    strata = int(stratum.max(initial=0)) + 1
    order = np.lexsort((values, stratum))
    sorted_stratum, sorted_values = stratum[order], values[order]
    first = np.ones(len(values), dtype=bool)
    first[1:] = (np.diff(sorted_stratum) > 0) | (np.diff(sorted_values) > 0)
    begin = np.flatnonzero(first)
    tied = np.diff(begin, append=len(values))
    before = begin - np.searchsorted(sorted_stratum, sorted_stratum[begin])
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(before + (tied + 1) / 2, tied)
    ties = np.bincount(sorted_stratum[begin], tied**3 - tied, minlength=strata)[:, np.newaxis]
    cell = stratum * groups + group

    def sums(weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(cell, weights, minlength=strata * groups).reshape(strata, groups)

    inside = sums().astype(float)
    total = inside.sum(axis=1, keepdims=True)
    outside = total - inside
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = inside * outside / 12 * (total + 1 - ties / (total * (total - 1)))
        deviation = sums(ranks) - inside * (total + 1) / 2
        weight = 1 / (total + 1)
        z = (weight * deviation).sum(axis=0) / np.sqrt(np.nansum(weight**2 * variance, axis=0))
        # Cliff's delta of a stratum is deviation / (inside * outside / 2).
        effect = 2 * deviation.sum(axis=0) / (inside * outside).sum(axis=0)
        count, amount = inside.sum(axis=0), sums(values).sum(axis=0)
        mean, mean_rest = amount / count, (amount.sum() - amount) / (count.sum() - count)
    z[~np.isfinite(z)] = np.nan
    numbers = {"count": count.astype(int), "rest": (count.sum() - count).astype(int)}
    return pd.DataFrame(
        {**numbers, "mean": mean, "mean_rest": mean_rest, "effect": effect, "p": 2 * stats.norm.sf(np.abs(z))}
    )


def _codes(values: pd.Series) -> tuple[np.ndarray, list[Hashable]]:
    codes, names = pd.factorize(values, sort=True)
    return codes, list(names)


def _finite(values: pd.Series) -> np.ndarray:
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return numbers[np.isfinite(numbers)]


def _mean_and_median(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.stack([values.mean(axis=axis), np.median(values, axis=axis)])
