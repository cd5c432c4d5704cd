import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from saliency.audit.rates import exact_test, wilson


@pytest.mark.parametrize(("right", "count"), [(0, 10), (3, 42), (42, 42), (500, 1000)])
def test_interval_solves_the_equation_of_the_score(right, count):
    """Wilson's limits are the shares from which the observed one lies z standard errors away."""
    low, high = wilson(right, count)
    for limit, sign in ((low, 1), (high, -1)):
        error = np.sqrt(limit * (1 - limit) / count)
        assert right / count - limit == pytest.approx(sign * stats.norm.ppf(0.975) * error, abs=1e-9)
    assert np.isnan(wilson(0, 0)).all()


small = st.integers(0, 12)


@given(small, small, small, small)
@settings(max_examples=60, deadline=None)
def test_one_stratum_is_the_exact_test_of_fisher(right, wrong, right_rest, wrong_rest):
    count, rest = right + wrong, right_rest + wrong_rest
    p = exact_test([right], [count], [right_rest], [rest])
    if min(count, rest, right + right_rest, wrong + wrong_rest) == 0:
        assert np.isnan(p)
    else:
        assert p == pytest.approx(stats.fisher_exact([[right, wrong], [right_rest, wrong_rest]]).pvalue)


def test_two_strata_are_all_ways_to_choose_the_right_ones():
    """Counted by hand: each way to place the right ones among the samples of a stratum is as likely as any other."""
    right, count, right_rest, count_rest = [3, 2], [4, 3], [1, 0], [3, 4]
    sums = []
    for own, inside, other, outside in zip(right, count, right_rest, count_rest, strict=True):
        ways = itertools.combinations(range(inside + outside), own + other)
        sums.append([sum(member < inside for member in way) for way in ways])
    totals = np.add.outer(*map(np.array, sums)).ravel()
    shares = np.bincount(totals) / len(totals)
    expected = shares[shares <= shares[sum(right)] + 1e-12].sum()
    assert exact_test(right, count, right_rest, count_rest) == pytest.approx(expected)


@given(st.lists(st.tuples(small, small, small), min_size=2, max_size=2))
@settings(max_examples=25, deadline=None)
def test_p_values_are_valid(strata):
    """Of all results that chance can give, those with p up to a level have at most that probability."""
    right, count, rest = (np.array(of) for of in zip(*((min(k, n + m), n, m) for k, n, m in strata), strict=True))
    results = itertools.product(
        *(range(max(0, k - m), min(k, n) + 1) for k, n, m in zip(right, count, rest, strict=True))
    )
    p, chance = [], []
    for inside in results:
        p.append(exact_test(inside, count, right - inside, rest))
        parts = [stats.hypergeom.pmf(t, n + m, k, n) if n + m else 1 for t, k, n, m in
                 zip(inside, right, count, rest, strict=True)]  # fmt: skip
        chance.append(np.prod(parts))
    for level in np.unique(p)[~np.isnan(np.unique(p))]:
        assert np.sum(chance, where=np.array(p) <= level) <= level + 1e-9


def test_strata_without_a_choice_change_nothing():
    alone = exact_test([3], [10], [9], [12])
    assert exact_test([3, 5, 0], [10, 5, 4], [9, 7, 0], [12, 7, 6]) == pytest.approx(alone)


def test_a_mix_of_strata_alone_is_no_difference():
    """Simpson's paradox: both strata have equal shares, the sums have not."""
    assert stats.fisher_exact([[82, 28], [28, 82]]).pvalue < 1e-9
    assert exact_test([80, 2], [100, 10], [8, 20], [10, 100]) > 0.9


def test_many_strata_agree_with_mantel_and_haenszel():
    generator = np.random.default_rng(0)
    count, rest = np.full(200, 25), np.full(200, 25)
    right, right_rest = generator.binomial(count, 0.53), generator.binomial(rest, 0.5)
    every, total = right + right_rest, count + rest
    variance = (count * rest * every * (total - every) / (total**2 * (total - 1))).sum()
    distance = abs((right - count * every / total).sum()) - 0.5
    expected = stats.chi2.sf(distance**2 / variance, 1)
    assert exact_test(right, count, right_rest, rest) == pytest.approx(expected, rel=0.02)


def test_tails_that_are_left_out_are_small():
    assert exact_test([0], [3000], [3000], [3000]) == 1e-30
