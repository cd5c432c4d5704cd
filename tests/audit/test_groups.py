import numpy as np
import pandas as pd
import pytest
from scipy import stats

from saliency.audit.groups import compare_groups, describe_groups, grouping_columns, holm


def test_without_strata_the_test_is_mann_whitney_with_ties():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 8, 60).astype(float)
    group = pd.Series(rng.choice(["a", "b", "c"], 60))
    found = compare_groups(pd.DataFrame({"m": values}), {"g": group}, ["m"]).set_index("group")
    for name in "abc":
        inside, outside = values[group == name], values[group != name]
        expected = stats.mannwhitneyu(inside, outside, use_continuity=False, method="asymptotic")
        assert found.loc[name, "p"] == pytest.approx(expected.pvalue)
        assert found.loc[name, "effect"] == pytest.approx(2 * expected.statistic / (len(inside) * len(outside)) - 1)
        assert found.loc[name, "mean"] == pytest.approx(inside.mean())
        assert found.loc[name, "mean_rest"] == pytest.approx(outside.mean())


def test_the_same_data_in_two_strata_give_z_times_the_root_of_two():
    rng = np.random.default_rng(1)
    values = rng.random(30)
    group = np.array(["a"] * 10 + ["b"] * 20)
    once = compare_groups(pd.DataFrame({"m": values}), {"g": pd.Series(group)}, ["m"])
    twice = compare_groups(
        pd.DataFrame({"m": np.tile(values, 2)}),
        {"g": pd.Series(np.tile(group, 2))},
        ["m"],
        strata=pd.Series(np.repeat([4, 7], 30)),
    )
    z = stats.norm.isf(once["p"][0] / 2)
    assert stats.norm.isf(twice["p"][0] / 2) == pytest.approx(np.sqrt(2) * z)
    assert twice["effect"][0] == pytest.approx(once["effect"][0])


def test_a_group_that_only_has_another_mix_of_classes_does_not_differ():
    rng = np.random.default_rng(2)
    classes = np.repeat([0, 1], 500)
    group = pd.Series(np.where(rng.random(1000) < np.where(classes == 0, 0.8, 0.2), "a", "b"))
    table = pd.DataFrame({"m": rng.normal(classes * 2.0)})
    assert compare_groups(table, {"g": group}, ["m"])["p"][0] < 1e-20
    stratified = compare_groups(table, {"g": group}, ["m"], strata=pd.Series(classes))
    assert stratified["p"][0] > 0.01
    assert abs(stratified["effect"][0]) < 0.15


@pytest.mark.slow
def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(3)
    measures = [f"m{number}" for number in range(600)]
    table = pd.DataFrame(rng.normal(size=(300, 600)), columns=measures)
    group = pd.Series(rng.choice(["a", "b"], 300))
    p = compare_groups(table, {"g": group}, measures, strata=pd.Series(np.tile([0, 1, 2], 100)))["p"]
    for level in (0.01, 0.05, 0.2, 0.5):
        assert abs((p < level).mean() - level) < 3 * np.sqrt(level * (1 - level) / 600)


@pytest.mark.slow
def test_any_corrected_false_positive_is_as_rare_as_its_level_says():
    rng = np.random.default_rng(4)
    measures = [f"m{number}" for number in range(600)]
    table = pd.DataFrame(rng.normal(size=(90, 600)), columns=measures)
    tests = compare_groups(table, {"g": pd.Series(rng.choice(["a", "b", "c"], 90))}, measures)
    # As if 200 audits had compared 3 groups by 3 measures each.
    wrong = [(holm(p) < 0.05).any() for p in tests["p"].to_numpy().reshape(200, 9)]
    assert np.mean(wrong) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_a_planted_difference_is_found_in_its_group_and_measure_alone():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(300, 3)), columns=["x", "y", "z"])
    group = pd.Series(np.repeat(["a", "b", "c"], 100))
    table.loc[group == "b", "y"] += 3
    tests = compare_groups(table, {"site": group}, ["x", "y", "z"])
    strongest = tests.loc[tests["effect"].abs().idxmax()]
    assert (strongest["group"], strongest["measure"]) == ("b", "y")
    assert strongest["p_adjusted"] < 1e-10
    assert (tests.loc[tests["measure"] != "y", "p_adjusted"] > 0.05).all()


def test_values_that_are_missing_or_all_the_same():
    table = pd.DataFrame({"x": [1.0] * 20, "y": [np.nan] * 10 + [0.0, 1.0] * 5, "z": [np.nan] * 20})
    group = pd.Series(["a", "b"] * 10)
    tests = compare_groups(table, {"g": group}, ["x", "y", "z"]).set_index("measure")
    assert np.isnan(tests.loc["x", "p"])
    assert tests.loc["y", ["count", "rest"]].tolist() == [5, 5]
    assert tests.loc["y", "effect"] == -1
    assert np.isnan(tests.loc["z", "p"])
    assert np.isnan(tests.loc["x", "p_adjusted"])
    assert tests.loc["y", "p_adjusted"] == tests.loc["y", "p"]


def test_holm_is_sequential_rejection():
    p = np.random.default_rng(6).random(12) ** 3
    for level in (0.01, 0.05, 0.2):
        rejected = np.zeros(12, dtype=bool)
        for step, index in enumerate(np.argsort(p)):
            if p[index] > level / (12 - step):
                break
            rejected[index] = True
        assert ((holm(p) <= level) == rejected).all()


def test_summary_against_normal_theory_and_numpy():
    values = np.random.default_rng(7).normal(5, 2, 400)
    table = pd.DataFrame({"m": [*values, np.nan, 3.0], "correct": pd.array([True, False] * 201, dtype="boolean")})
    summary = describe_groups(table, pd.Series(["a"] * 401 + ["b"]), ["m", "correct"]).set_index(["group", "measure"])
    row = summary.loc[("a", "m")]
    error = values.std() / np.sqrt(400)
    assert row["count"] == 400
    assert row[["quartile_1", "median", "quartile_3"]].tolist() == np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    assert row["mean_low"] == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert row["mean_high"] == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)
    # The median's standard error is larger by the root of pi / 2 for normal values.
    assert (row["median_high"] - row["median_low"]) / (2 * 1.96 * error) == pytest.approx(1.2533, abs=0.3)
    assert summary.loc[("a", "correct"), "mean"] == pytest.approx(201 / 401)
    assert summary.loc[("b", "m"), ["count", "mean"]].tolist() == [1, 3.0]
    assert np.isnan(summary.loc[("b", "m"), "mean_low"])


def test_bootstrap_intervals_hold_the_true_mean_as_often_as_they_say():
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"m": rng.exponential(1.0, 200 * 50)})
    summary = describe_groups(table, pd.Series(np.repeat(np.arange(200), 50)), ["m"], confidence=0.9, resamples=400)
    held = ((summary["mean_low"] <= 1) & (summary["mean_high"] >= 1)).mean()
    assert 0.8 < held < 0.96


def test_a_seed_gives_the_same_intervals():
    table = pd.DataFrame({"m": np.random.default_rng(9).random(50)})
    groups = pd.Series(["a"] * 50)
    pd.testing.assert_frame_equal(describe_groups(table, groups, ["m"]), describe_groups(table, groups, ["m"]))
    assert not describe_groups(table, groups, ["m"], seed=1).equals(describe_groups(table, groups, ["m"]))


def test_columns_that_give_groups_and_those_that_do_not():
    table = pd.DataFrame(
        {
            "site": ["a"] * 30 + ["b"] * 65 + ["rare"] * 4 + [""],
            "age": np.arange(100) / 2,
            "subject": [f"p{number}" for number in range(100)],
            "constant": "x",
            "empty": np.nan,
        }
    )
    groups, skipped = grouping_columns(table, list(table))
    assert groups["site"].value_counts().to_dict() == {"b": 65, "a": 30}
    assert groups["site"].isna().sum() == 5
    assert groups["age"].value_counts().tolist() == [25] * 4
    assert list(skipped) == ["subject", "constant", "empty"]
