"""Near duplicates against a comparison of every pair, and planted ones."""

import itertools

import numpy as np
import pandas as pd

from saliency.audit.leakage import duplicates as module
from saliency.audit.leakage.duplicates import close_pairs, duplicates


def hashes(count: int, seed: int = 0) -> list[str]:
    return [number.tobytes().hex() for number in np.random.default_rng(seed).integers(0, 2**63, count)]


def flipped(name: str, bits: int) -> str:
    return f"{int(name, 16) ^ sum(1 << (9 * bit) for bit in range(bits)):016x}"


def test_pairs_are_those_of_a_comparison_of_all(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    names = hashes(30)
    names += [flipped(name, bits) for bits, name in enumerate(names[:7])]
    bits = {
        (a, b): (int(names[a], 16) ^ int(names[b], 16)).bit_count() for a, b in itertools.combinations(range(37), 2)
    }
    found = close_pairs(names)
    expected = {(*pair, number) for pair, number in bits.items() if number <= 4}
    assert {tuple(row) for row in found.to_numpy().tolist()} == expected
    assert len(expected) == 5


def test_only_pairs_that_differ_in_a_column_are_listed_the_closest_first():
    first, second, third = hashes(3)
    table = pd.Series([first, flipped(first, 3), second, second, third, None, third])
    samples = pd.DataFrame(
        {
            "id": list("abcdefg"),
            "split": ["train", "test", "train", "test", "train", "test", "train"],
            "label": ["0", "0", "1", "2", "0", "1", ""],
        }
    )
    found = duplicates(table, samples, ["split", "label"])
    assert found.to_numpy().tolist() == [
        ["c", "d", 0, "split", "train", "test"],
        ["c", "d", 0, "label", "1", "2"],
        ["a", "b", 3, "split", "train", "test"],
    ]


def test_pictures_that_are_all_alike_are_no_duplicates(caplog):
    samples = pd.DataFrame({"id": [str(number) for number in range(40)], "split": ["a", "b"] * 20})
    assert duplicates(pd.Series(hashes(1) * 40), samples, ["split"]).empty
    assert "too much alike" in caplog.text


def test_no_photograph_has_a_hash():
    samples = pd.DataFrame({"id": ["a", "b"], "split": ["a", "b"]})
    assert duplicates(pd.Series([None, None], dtype="str"), samples, ["split"]).empty
    assert duplicates(pd.Series(hashes(1) * 2), samples, []).empty
