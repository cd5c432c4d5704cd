from itertools import combinations

import numpy as np
import pytest

from saliency.audit.mean_maps import MeanMaps, mean_map_test


def test_means_do_not_depend_on_how_maps_come():
    rng = np.random.default_rng(0)
    maps = rng.random((20, 3, 4)).astype(np.float32)
    maps[3], maps[5, 0, 0] = 0, np.nan
    groups = list(rng.choice(["a", "b"], 20))
    whole, parts = MeanMaps(), MeanMaps()
    whole.add(groups, maps)
    for begin in range(0, 20, 7):
        parts.add(groups[begin : begin + 7], maps[begin : begin + 7])
    good = [row for row in range(20) if row not in (3, 5)]
    for group in "ab":
        rows = [row for row in good if groups[row] == group]
        expected = np.mean([maps[row].astype(float) / maps[row].astype(float).sum() for row in rows], axis=0)
        assert np.allclose(whole.mean(group), expected)
        assert np.allclose(parts.mean(group), expected)
        assert whole.counts[group] == parts.counts[group] == len(rows)


def test_p_value_is_that_of_all_divisions():
    maps = np.random.default_rng(1).dirichlet(np.ones(4), 8)
    member = np.arange(8) < 4
    deviation = np.sqrt(maps.var(axis=0))  # any common scale will do

    def statistic(rows):
        return (np.abs(maps[list(rows)].sum(axis=0) - 4 * maps.mean(axis=0)) / deviation).max()

    everything = np.array([statistic(rows) for rows in combinations(range(8), 4)])
    exact = (everything >= statistic(range(4)) - 1e-9).mean()
    _, p = mean_map_test(maps, member, permutations=5000)
    assert p == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / 5000))


def test_distance_is_total_variation():
    maps = np.array([[0.5, 0.5, 0.0]] * 5 + [[0.25, 0.25, 0.5]] * 5)
    assert mean_map_test(maps, np.arange(10) < 5)[0] == pytest.approx(0.5)


def test_level_where_nothing_differs_but_the_strata():
    rng = np.random.default_rng(2)
    p = []
    for seed in range(200):
        strata = np.repeat([0, 1], 30)
        maps = np.stack([rng.dirichlet([5, 1, 1, 1] if stratum else [1, 1, 1, 5]) for stratum in strata])
        member = rng.random(60) < np.where(strata, 0.8, 0.2)
        p.append(mean_map_test(maps, member, strata, permutations=99, seed=seed)[1])
    assert abs((np.array(p) <= 0.05).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 200)


def test_a_planted_difference_is_found():
    rng = np.random.default_rng(3)
    maps = rng.dirichlet(np.ones(16), 100).reshape(100, 4, 4)
    maps[:30, 0, 0] += 0.2
    maps /= maps.sum(axis=(1, 2), keepdims=True)
    distance, p = mean_map_test(maps, np.arange(100) < 30)
    assert p == 0.001
    assert 0.1 < distance < 0.25


def test_nothing_to_compare():
    maps = np.full((6, 2), 0.5)
    assert np.isnan(mean_map_test(maps, np.ones(6, dtype=bool))).all()
    distance, p = mean_map_test(maps, np.arange(6) < 3)
    assert distance == 0
    assert np.isnan(p)
