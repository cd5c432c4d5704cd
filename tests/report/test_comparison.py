"""Two models on the same samples."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from saliency.report.comparison import accuracy, calibration, calibration_verdict, compared, correct_together, verdict


def table(correct, predicted=None):
    said = [0] * len(correct) if predicted is None else predicted
    return pd.DataFrame({"correct": correct, "predicted_class": said})


@pytest.mark.parametrize(("first", "second"), [(7, 1), (1, 7), (4, 4), (0, 3), (0, 0), (20, 9)])
def test_p_is_that_of_a_fair_coin(first, second):
    """By counting the outcomes that are at least as uneven, with the definition of the exact test of McNemar."""
    pairs = [(True, False)] * first + [(False, True)] * second + [(True, True)] * 5 + [(False, False)] * 2
    found = compared(*(table([pair[side] for pair in pairs]) for side in (0, 1)), np.ones(len(pairs), dtype=bool))
    total = first + second
    uneven = [k for k in range(total + 1) if abs(2 * k - total) >= abs(first - second)]
    assert found["p"] == pytest.approx(sum(comb(total, k) for k in uneven) / 2**total)
    assert found["only"] == (first, second)
    assert found["right"] == (first + 5, second + 5)


def test_only_chosen_samples_that_both_predict_count():
    first = table([True, True, None, False, True], [0, 0, None, 1, 0])
    second = table([False, None, True, True, False], [1, None, 0, 0, 1])
    found = compared(first, second, np.array([True, True, True, True, False]))
    assert (found["samples"], found["right"], found["only"], found["differ"]) == (2, (1, 1), (1, 1), 2)
    assert accuracy(first["correct"], np.array([True, True, True, True, False])) == pytest.approx(
        {"samples": 4, "labelled": 3, "correct": 2, "share": 2 / 3, "low": 0.2077, "high": 0.9385}, abs=1e-4
    )


def test_a_difference_is_told_only_where_it_is_shown():
    found = {
        "samples": 50,
        "right": (30, 40),
        "only": (1, 11),
        "p": 0.006,
        "p_adjusted": 0.006,
        "tests": 1,
        "differ": 12,
    }
    said = verdict(("a", "b"), found)
    assert said.startswith("b is right more often than a on the same 50 samples: 40 against 30.")
    assert said.endswith("(exact McNemar test: p = 0.006).")
    assert verdict(("a", "b"), found | {"p_adjusted": 0.05}).startswith("No difference is shown between a and b")
    assert "cannot be compared" in verdict(("a", "b"), found | {"samples": 0})


def test_what_is_chance_after_correction_is_not_told():
    """Of 0.0129, 0.5 and 0.03: thrice the least, twice the next (0.06), and the last as it is."""
    right = {"samples": 100, "right": (90, 80), "only": (12, 2), "p": 0.0129}
    other = {"samples": 100, "right": (90, 89), "only": (5, 4), "p": 0.5}
    probability, untested = {"scores": (0.01, 0.16), "p": 0.03}, {"p": float("nan")}
    correct_together([right, other, probability, untested])
    assert "b on the same 100 samples: 90 against 80" in verdict(("a", "b"), right)
    assert "p = 0.039, corrected for 3 tests" in verdict(("a", "b"), right)
    assert "No difference" in calibration_verdict(("a", "b"), probability)
    assert "p = 0.06, corrected for 3 tests" in calibration_verdict(("a", "b"), probability)
    assert calibration_verdict(("a", "b"), untested) == ""


def test_without_samples_nothing_is_tested():
    none = table([None, None])
    assert np.isnan(compared(none, none, np.ones(2, dtype=bool))["p"])
    assert np.isnan(calibration(none.assign(probability=0.5), none.assign(probability=0.5), np.ones(2, bool))["p"])
