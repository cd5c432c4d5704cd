"""What two models make of the same changed pictures."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from saliency.report.comparison import correct_together
from saliency.report.paired_transfer import difference_interval, paired_tests, transfer_verdict

COLUMNS = ["class", "intervention", "variant", "words", "verb", "source", "target", "label", "before", "after"]
FRAME = ("frame", "4 %", "outer frame (4 % of each side)", "Pasting")
COLOUR = ("colour", "all", "colours", "Giving")


def answers(about, name, targets):
    """Rows of a table: of each target its label, and what is predicted before and after."""
    return [(name, *about, "source", f"t{number}", *target) for number, target in enumerate(targets)]


def table(*rows):
    return pd.DataFrame([row for part in rows for row in part], columns=COLUMNS)


@pytest.mark.parametrize("shares", [(0.5, 0.0, 0.5), (0.2, 0.05, 0.75), (0.02, 0.02, 0.96)])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(shares):
    """Of 48 pairs drawn with known shares: those that turn in the first alone, in the second alone, in both or none."""
    drawn = np.random.default_rng(0).multinomial(48, shares, 2000)
    inside = [
        low <= shares[0] - shares[1] <= high
        for low, high in (difference_interval(int(first), int(second), 48) for first, second, _ in drawn)
    ]
    assert np.mean(inside) >= 0.94


def test_pairs_that_both_have_right_are_compared():
    # Class 1 is given. Of eight targets of class 0 the first has s0 wrong, the second s1; s2 is not usable.
    first = [(0, 2, 1), (0, 0, 0), (0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 2), (0, 0, 0)]
    second = [(0, 0, 0), (0, 3, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 1), (0, 0, 0), (0, 0, 1)]
    usable = {"source", *(f"t{number}" for number in range(8))} - {"t2"}
    (found,) = paired_tests(table(answers(FRAME, 1, first)), table(answers(FRAME, 1, second)), usable)
    # Left are t3 to t7: the first alone turns t3 and t4, the second alone t7, both t5, and t6 goes elsewhere.
    assert (found["count"], found["turned"], found["only"]) == (5, (3, 2), (2, 1))
    assert found["targets"] == (["t3", "t4"], ["t7"])
    assert found["difference"] == pytest.approx(1 / 5)
    assert found["p"] == pytest.approx(2 * sum(comb(3, k) for k in (2, 3)) / 2**3)


def test_a_test_that_one_model_lacks_is_none():
    one = table(answers(FRAME, 1, [(0, 0, 1)] * 6))
    assert paired_tests(one, table(answers(COLOUR, 1, [(0, 0, 1)] * 6)), {"source", "t0"}) == []
    assert paired_tests(one, one, set()) == []
    assert transfer_verdict(("a", "b"), [], []) == ("", None)


def test_the_largest_difference_is_told_in_one_sentence():
    stays, turns = [(0, 0, 0)] * 20, [(0, 0, 1)] * 20
    first = table(answers(FRAME, 1, stays), answers(COLOUR, 1, stays))
    second = table(answers(FRAME, 1, turns), answers(COLOUR, 1, turns[:12] + stays[12:]))
    tests = paired_tests(first, second, {"source", *(f"t{number}" for number in range(20))})
    # With another test, which is no difference.
    correct_together([*tests, {"p": 0.5}])
    sentence, test = transfer_verdict(("clean", "marked"), tests, ["dog", "cat"])
    assert test["targets"][1] == [f"t{number}" for number in range(20)]
    # One of 22 and 21 of 22: 20/22, less 2.394 (of 1 - 0.025 / 3) times the root of (1 - (20/22)²) / 22.
    assert sentence == (
        "Pasting the outer frame (4 % of each side) of class 'cat' pictures to 20 others that both models have right "
        "costs marked 100 points of recall, and clean 0: they become class 'cat' (difference 100 points, 95 % "
        "interval 70 to 100; exact McNemar test: p < 0.001; both corrected for 3 tests)."
    )


def test_what_is_chance_is_no_difference():
    first, second = [(0, 0, 0)] * 20, [(0, 0, 1)] * 5 + [(0, 0, 0)] * 15
    tests = paired_tests(
        table(answers(FRAME, 1, first)),
        table(answers(FRAME, 1, second)),
        {"source", *(f"t{number}" for number in range(20))},
    )
    correct_together(tests)
    # Five of five: 2 / 2 ** 5.
    assert tests[0]["p"] == pytest.approx(1 / 16)
    sentence, test = transfer_verdict(("a", "b"), tests, [])
    assert test is None
    assert sentence.startswith("No difference is shown in 1 transfer test on the same pictures")
