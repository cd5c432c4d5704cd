import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from saliency.audit.calibration import CALIBRATION_COLUMNS, reliability


def test_bins_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    probability = np.concatenate([generator.random(500), [0, 0.1, 0.3, 1]])
    correct = (generator.random(504) < probability**2).astype(float)
    table = reliability(probability, correct)
    accuracy, confidence = calibration_curve(correct, probability, n_bins=10)
    np.testing.assert_allclose(table["accuracy"], accuracy)
    np.testing.assert_allclose(table["confidence"], confidence)
    assert table["count"].sum() == 504
    expected = np.abs(accuracy - confidence) @ table["count"] / 504
    assert table["error"].sum() == pytest.approx(expected)


def test_error_by_hand():
    table = reliability(np.array([0.9, 0.9, 0.7, 0.7, 0.7, 0.7]), np.array([1, 1, 1, 0, 0, 0]))
    assert table[["above", "up_to", "count"]].round(1).values.tolist() == [[0.6, 0.7, 4], [0.8, 0.9, 2]]
    assert table["error"].tolist() == pytest.approx([4 / 6 * 0.45, 2 / 6 * 0.1])


def test_what_is_not_known_does_not_count():
    table = reliability(np.array([0.8, np.nan, 0.6]), np.array([1, 1, np.nan]))
    assert table["count"].tolist() == [1]
    empty = reliability(np.full(3, np.nan), np.ones(3))
    assert list(empty) == list(CALIBRATION_COLUMNS)
    assert len(empty) == 0
