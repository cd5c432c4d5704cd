import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from saliency.audit.evidence import Evidence
from saliency.audit.findings.ranking import ranked_findings
from saliency.audit.performance import PERFORMANCE_COLUMNS, confusion, performance
from tests.helpers.audit_data import THRESHOLDS

KINDS = {"class_in_group", "group_accuracy", "class_performance"}


def predicted(label, said, **columns):
    """Samples with these labels and predictions; a label or prediction of -1 is none."""
    label, said = np.asarray(label), np.asarray(said)
    known = (label >= 0) & (said >= 0)
    table = {
        "id": [f"s{row}" for row in range(len(label))],
        "label": pd.array(label, dtype="Int64"),
        "predicted_class": pd.array(said, dtype="Int64"),
        "probability": np.linspace(0.5, 1, len(label)),
        "correct": pd.array(label == said, dtype="boolean"),
    }
    samples = pd.DataFrame(table | columns)
    samples.loc[~known, "correct"] = pd.NA
    samples.loc[label < 0, "label"] = pd.NA
    samples.loc[said < 0, ["predicted_class", "probability"]] = pd.NA
    return samples


def every(samples):
    return np.ones(len(samples), dtype=bool)


def noisy(seed, count=400, classes=3):
    generator = np.random.default_rng(seed)
    label = generator.integers(0, classes, count)
    said = np.where(generator.random(count) < 0.7, label, generator.integers(0, classes, count))
    return predicted(label, said, site=generator.choice(["a", "b", "c"], count))


def test_confusion_recall_and_precision_are_those_of_scikit_learn():
    samples = noisy(0)
    label, said = samples["label"].to_numpy(dtype=int), samples["predicted_class"].to_numpy(dtype=int)
    pairs = confusion(samples, ["x", "y"])
    matrix = np.zeros((3, 3), dtype=int)
    matrix[pairs["label"], pairs["predicted_class"]] = pairs["count"]
    np.testing.assert_array_equal(matrix, confusion_matrix(label, said))
    assert pairs["label_name"].unique().tolist() == ["x", "y", ""]
    table = performance(samples, every(samples), ["site"])
    for measure, score in (("recall", recall_score), ("precision", precision_score)):
        rows = table[(table["measure"] == measure) & (table["column"] == "")]
        np.testing.assert_allclose(rows["share"], score(label, said, average=None))
        for site in "abc":
            here = (samples["site"] == site).to_numpy()
            rows = table[(table["measure"] == measure) & (table["group"] == site)]
            np.testing.assert_allclose(rows.sort_values("class")["share"], score(label[here], said[here], average=None))
            assert set(rows["column"]) == {"site"}


def test_shares_tests_and_misses_by_hand():
    """Class 0: 2 of 12 are found at site a, 11 of 12 at site b; class 1 is always found."""
    label = [0] * 24 + [1] * 24
    said = [0] * 2 + [1] * 10 + [0] * 11 + [1] + [1] * 24
    samples = predicted(label, said, site=np.tile(np.repeat(["a", "b"], 12), 2))
    table = performance(samples, every(samples), ["site"], names=["wolf"])
    table = table.set_index(["measure", "class", "group"]).sort_index()
    row = table.loc[("recall", 0, "a")]
    assert row[["right", "count", "right_rest", "count_rest"]].tolist() == [2, 12, 11, 12]
    assert row["gap"] == pytest.approx(-9 / 12)
    assert row["p"] == pytest.approx(stats.fisher_exact([[2, 10], [11, 1]]).pvalue)
    assert row["name"] == "wolf"
    assert row["misses"] == [f"s{number}" for number in range(11, 1, -1)]
    # Of two groups both tests are the same; where all are right, there is none.
    assert np.isnan(table.loc[("recall", 0, "b"), "p"])
    assert table.loc[("recall", 1), "p"].isna().all()
    assert table.loc[("precision", 1, ""), "p"] == pytest.approx(stats.fisher_exact([[24, 11], [13, 0]]).pvalue)
    assert table.loc[("recall", 0, ""), "p"] == pytest.approx(stats.fisher_exact([[13, 11], [24, 0]]).pvalue)
    row = table.loc[("precision", 1, "a")]
    assert row[["right", "count", "right_rest", "count_rest"]].tolist() == [12, 22, 12, 13]
    assert row[["prevalence", "prevalence_rest"]].tolist() == [0.5, 0.5]
    # Of the group's 24 samples, 14 are right; with the other site's recalls of 11/12 and 1, it would be 23.
    accuracy = table.xs("accuracy").droplevel("class")
    assert accuracy.loc["a", "gap"] == pytest.approx((14 - 23) / 24)
    assert accuracy.loc["", ["right", "count"]].tolist() == [37, 48]
    # One correction over all tests of the table.
    p = table["p"].dropna().sort_values()
    assert len(p) == 5
    assert table["p_adjusted"].min() == pytest.approx(min(p * np.arange(5, 0, -1)))


def test_columns_that_chose_the_samples_compare_all_of_them():
    label = np.tile([0, 1], 60)
    said = np.where(np.arange(120) < 60, label, 0)
    samples = predicted(label, said, split=np.repeat(["train", "test"], 60), site=np.tile(["a", "a", "b", "b"], 30))
    audited = (samples["split"] == "test").to_numpy()
    table = performance(samples, audited, ["site"], ["split"])
    counts = table.groupby(["column", "among"])["count"].sum()
    assert set(counts.index) == {("", "audited"), ("site", "audited"), ("split", "all")}
    row = table[(table["measure"] == "recall") & (table["class"] == 1) & (table["group"] == "test")].iloc[0]
    assert row[["right", "count", "right_rest", "count_rest"]].tolist() == [0, 30, 30, 30]
    assert table[(table["measure"] == "accuracy") & (table["column"] == "")]["count"].tolist() == [60]


def test_small_groups_are_not_tested():
    samples = predicted([0] * 18 + [1] * 18, [0] * 9 + [1] * 27, site=np.tile(np.repeat(["a", "b"], 9), 2))
    table = performance(samples, every(samples), ["site"], min_count=9)
    assert table.loc[(table["measure"] == "recall") & (table["class"] == 0), "p"].notna().sum() == 2
    table = performance(samples, every(samples), ["site"], min_count=10)
    assert table.loc[(table["measure"] == "recall") & (table["group"] != ""), "p"].isna().all()


def test_precision_is_not_tested_where_a_column_repeats_the_class():
    samples = noisy(1)
    samples["kingdom"] = samples["label"].map({0: "animal", 1: "animal", 2: "plant"})
    samples["title"] = samples["label"].map({0: "cat", 1: "dog", 2: "oak"})
    table = performance(samples, every(samples), ["kingdom", "title"])
    table = table[(table["measure"] == "precision") & (table["column"] != "")]
    assert len(table) > 0
    assert table["p"].isna().all()


def test_without_labels_there_is_nothing():
    samples = predicted([-1] * 40, [0, 1] * 20, site=["a", "b"] * 20)
    assert list(performance(samples, every(samples), ["site"])) == list(PERFORMANCE_COLUMNS)
    assert len(performance(samples, every(samples), ["site"], ["site"])) == 0
    assert len(confusion(samples)) == 0
    failed = predicted([0, 0, 1], [0, -1, 1])
    assert performance(failed, every(failed), [])["count"].tolist() == [2, 1, 1, 1, 1]


def test_one_class_has_no_others():
    samples = predicted([0] * 40, [0] * 40, site=["a", "b"] * 20)
    table = performance(samples, every(samples), ["site"])
    assert table["p"].isna().all()
    assert table["share"].eq(1).all()
    assert found(samples) == []


def found(samples, columns=("site",)):
    explained = samples.assign(**{"class": samples["predicted_class"], "zero_map": 0.0})
    known = Evidence(explained, performance=performance(samples, every(samples), columns))
    read = Evidence.from_json(known.to_json(), known.samples, {})
    findings, _ = ranked_findings(read, THRESHOLDS)
    assert findings == ranked_findings(known, THRESHOLDS)[0]
    assert {finding.kind for finding in findings} <= KINDS
    return findings


@pytest.mark.slow
def test_precision_is_compared_with_classes_that_are_there():
    """Of 30 pictures of one class, 20 are put into it and the others into five that none is of; then ten are of one."""
    said = np.array([0] * 20 + [1, 2, 3, 4, 5] * 2)
    alone = performance(predicted(np.zeros(30), said), np.ones(30, dtype=bool), [], min_count=5)
    assert alone["p"].isna().all()
    label = np.array([0] * 30 + [1] * 10)
    both = performance(predicted(label, np.append(said, [1] * 5 + [0] * 5)), np.ones(40, dtype=bool), [], min_count=5)
    precision = both[both["measure"] == "precision"].set_index("class")
    # Predictions of classes 0 and 1 are 20 of 25 and 5 of 7 right; the others' 8 do not count.
    assert precision.loc[0, ["right", "count", "right_rest", "count_rest"]].tolist() == [20, 25, 5, 7]
    assert precision.loc[2:, "p"].isna().all()


@pytest.mark.slow
def test_p_values_are_valid_where_groups_and_labels_say_nothing():
    """Of exact p-values, at most the share of a level lies below it; fewer where counts are small."""
    generator = np.random.default_rng(0)
    of_groups, of_classes = [], []
    for seed in range(60):
        samples = noisy(seed, count=90)
        table = performance(samples, every(samples), ["site"])
        of_groups.append(table.loc[table["column"] == "site", ["measure", "p"]])
        # Classes that differ in nothing but their number: who is right is drawn anew.
        label = samples["label"].to_numpy(dtype=int)
        samples = predicted(label, np.where(generator.permutation(90) < 60, label, (label + 1) % 3))
        table = performance(samples, every(samples), [])
        of_classes.append(table.loc[table["measure"] == "recall", ["measure", "p"]])
    for tables in (of_groups, of_classes):
        for _, part in pd.concat(tables).dropna().groupby("measure"):
            p = part["p"].to_numpy()
            for level in (0.01, 0.05, 0.1, 0.3, 0.5):
                # Tests of one table are not independent, so that their number counts for half.
                noise = 3 * np.sqrt(level * (1 - level) / (len(p) / 2))
                assert (p <= level).mean() <= level + noise


@pytest.mark.slow
def test_planted_gap_is_found_and_a_shuffled_column_is_quiet():
    """At one of four sites, half of the labels of class 1 are wrong."""
    planted, quiet = 0, 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        label = generator.integers(0, 3, 600)
        said = np.where(generator.random(600) < 0.85, label, generator.integers(0, 3, 600))
        site = generator.choice(list("abcd"), 600)
        noise = (site == "b") & (label == 1) & (generator.random(600) < 0.5)
        label = np.where(noise, 2, label)
        samples = predicted(label, said, site=site)
        planted += any(
            (finding.numbers["column"], finding.numbers["group"]) == ("site", "b")
            for finding in found(samples)
            if finding.kind != "class_performance"
        )
        samples["site"] = generator.permutation(samples["site"])
        quiet += not [finding for finding in found(samples) if finding.kind != "class_performance"]
    assert planted >= 19
    assert quiet >= 19
