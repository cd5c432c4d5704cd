"""What facts tell of classes: planted facts are found and named, and shuffled labels tell nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from saliency.audit.leakage import told_by_facts
from saliency.audit.leakage.direction import direction
from saliency.audit.leakage.told_by_facts import COLUMNS, balanced_interval, facts_test, held_out


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(told_by_facts, "TREES", 5)
    monkeypatch.setattr(told_by_facts, "REPEATS", 1)


def facts(classes: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Files of class 1 are larger and half of them have no quality; nothing else depends on the class."""
    rng = np.random.default_rng(seed)
    count = len(classes)
    return pd.DataFrame(
        {
            "width": rng.normal(500, 50, count),
            "bytes": np.where(classes == 1, 96_000, 12_000) + rng.normal(0, 100, count),
            "jpeg_quality": np.where(rng.random(count) < 0.5, np.nan, 90),
            "format": pd.Series(np.where(rng.random(count) < 0.5, "PNG", "JPEG"), dtype="str"),
            "bit_depth": 8.0,
        }
    )


def test_a_planted_fact_is_found_and_named():
    classes = np.arange(60) % 3
    found = facts_test(facts(classes), "label", pd.Series(classes, dtype="Int64"), None, 0, 4)
    assert tuple(found) == COLUMNS
    result, strongest = found.iloc[0], found.iloc[1]
    # Class 1 is always right, and of the two others half or so.
    assert result["balanced_accuracy"] > 0.55
    assert (result["samples"], result["classes"], result["left_out"], result["p"]) == (60, 3, 0, 0.2)
    assert result["low"] < result["balanced_accuracy"] < result["high"]
    assert abs(result["chance"] - 1 / 3) < 0.15
    assert (strongest["fact"], strongest["class"]) == ("bytes", 1)
    assert strongest["words"] == "the file size is higher (median 96 kB against 12 kB)"
    assert found.set_index("fact").loc["bit_depth", "note"] == "the same in all"


def test_shuffled_labels_tell_nothing():
    classes = np.random.default_rng(1).permutation(np.arange(80) % 2)
    found = facts_test(facts(np.arange(80) % 2), "label", pd.Series(classes), None, 0, 9)
    assert found["p"][0] > 0.1
    assert found["low"][0] < 0.5 < found["high"][0]


def test_what_follows_from_the_label_is_chance():
    """Predictions that are the labels tell nothing more; those that are the format among samples of a label do."""
    labels = pd.Series(np.arange(80) % 2)
    table = facts(labels.to_numpy())
    same = facts_test(table, "prediction", labels, labels, 0, 2).iloc[0]
    assert (same["p"], same["chance"]) == (1.0, same["balanced_accuracy"])
    beyond = (table["format"] == "PNG").astype(int)
    more = facts_test(table, "prediction", beyond, labels, 0, 2).iloc[0]
    assert more["p"] == pytest.approx(1 / 3)
    assert more["balanced_accuracy"] - more["chance"] > 0.3


def test_missing_labels_facts_and_small_classes_are_left_out():
    classes = pd.Series([0] * 10 + [1] * 10 + [2] * 4 + [None] * 3, dtype="Int64")
    table = facts(np.zeros(27))
    table.iloc[0] = np.nan
    result = facts_test(table, "label", classes, None, 0, 1).iloc[0]
    assert (result["samples"], result["classes"], result["left_out"]) == (19, 2, 8)


def test_exchanging_ends_where_it_can_tell_nothing_more(monkeypatch):
    for name, value in (("ENOUGH", 1), ("AT_LEAST", 2), ("CAP", 20)):
        monkeypatch.setattr(told_by_facts, name, value)
    classes = pd.Series(np.arange(60) % 2)
    result = facts_test(facts(classes.to_numpy()), "prediction", classes, classes, 0, 49).iloc[0]
    # Among samples of the same class, exchanging changes nothing.
    assert (result["p"], result["samples"], result["left_out"]) == (1.0, 20, 40)


@pytest.mark.parametrize(
    ("classes", "same", "note"),
    [
        ([0] * 20, False, "no two classes with 5 samples that have facts"),
        ([0] * 16 + [1] * 4, False, "no two classes with 5 samples that have facts"),
        ([None] * 20, False, "no two classes with 5 samples that have facts"),
        ([0, 1] * 10, True, "all facts are the same in all samples"),
    ],
)
def test_where_there_is_no_test_it_is_said(classes, same, note):
    table = pd.DataFrame({"bytes": np.ones(20) if same else np.arange(20.0)})
    found = facts_test(table, "label", pd.Series(classes, dtype="Int64"), None, 0, 1)
    assert len(found) == 1
    assert found["note"][0] == note
    assert np.isnan(found["p"][0])


def test_balanced_accuracy_is_that_of_scikit_learn():
    classes = np.repeat([0, 1, 2], [20, 10, 5])
    table = pd.DataFrame({"width": classes + np.random.default_rng(0).normal(0, 0.7, 35)})
    told = held_out(table.to_numpy(), classes, 0).classes
    result = facts_test(table, "label", pd.Series(classes), None, 0, 1).iloc[0]
    assert result["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(classes, told))


def test_intervals_cover_as_often_as_they_say():
    rng, counts, recalls = np.random.default_rng(0), np.array([60, 20]), np.array([0.7, 0.9])
    reached = (rng.binomial(counts, recalls, (400, 2)) / counts).mean(axis=1)
    inside = [low <= recalls.mean() <= high for low, high in (balanced_interval(value, counts) for value in reached)]
    assert np.mean(inside) > 0.93


def test_the_class_that_differs_most_has_the_largest_u_statistic():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 100)
    values = pd.Series(np.round(rng.normal(0, 1, 100) - 1.5 * (classes == 2), 1))
    values[:5] = np.nan
    known = values.notna().to_numpy()

    def delta(index):
        inside, outside = values[known & (classes == index)], values[known & (classes != index)]
        return abs(2 * stats.mannwhitneyu(inside, outside).statistic / len(inside) / len(outside) - 1)

    found = direction("sharpness", values, classes)
    assert found["class"] == max(range(4), key=delta) == 2
    assert abs(found["effect"]) == pytest.approx(delta(2))
    medians = f"{values[classes == 2].median():.3g} against {values[classes != 2].median():.3g}"
    assert found["words"] == f"the sharpness (variance of the Laplacian) is lower (median {medians})"
    assert direction("sharpness", values, np.zeros(100)) == {}
