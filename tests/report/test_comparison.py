"""Two models on the same samples."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from saliency.report.comparison import accuracy, compared, verdict


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
    found = {"samples": 50, "right": (30, 40), "only": (1, 11), "p": 0.006, "differ": 12}
    assert verdict(("a", "b"), found).startswith("b is right more often than a on the same 50 samples: 40 against 30.")
    assert verdict(("a", "b"), found | {"p": 0.05}).startswith("No difference is shown between a and b")
    assert "cannot be compared" in verdict(("a", "b"), found | {"samples": 0})
