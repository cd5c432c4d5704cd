import numpy as np
import pandas as pd
import pytest

from saliency.audit.evidence import Evidence
from saliency.audit.findings.shortcut import ShortcutFinding
from saliency.audit.shortcuts import Place
from tests.helpers.audit_data import THRESHOLDS, dataset, findings


@pytest.mark.parametrize(("grid", "place"), [((6, 6), "upper left corner"), ((5, 5, 5), "left back bottom corner")])
def test_the_first_finding_is_the_planted_shortcut(grid, place):
    samples, maps, inputs = dataset(grid=grid)
    first = findings(samples, maps, inputs)[0]
    assert first.kind == "shortcut"
    assert first.numbers["class"] == 1
    assert first.numbers["place"] == place
    bears = (samples["class"] == 1) & (inputs[(slice(None), 0, *[0] * (len(grid) - 1), 1)] == 1)
    assert first.numbers["members"] == pytest.approx(bears.sum(), abs=5)
    assert first.numbers["accuracy"] > 0.97 > 0.8 > first.numbers["accuracy_others"]
    assert "scanner is new_one in 100 % of them" in first.sentence
    assert set(first.samples) <= set(samples.loc[samples["class"] == 1, "id"])


def place(members, **changes):
    settings = {"begin": (0.75, 0.0), "end": (1.0, 0.25), "energy": 0.41, "share_elsewhere": 0.02, "contrast": 0.9,
                "distance": 50.0, "found": True, "class_index": 3, "samples": 10}  # fmt: skip
    return Place(**(settings | changes), members=np.array(members))


def test_the_sentence_says_where_how_many_and_what_follows():
    samples = pd.DataFrame({"id": [f"s{row}" for row in range(12)], "class": [3] * 10 + [4] * 2, "name": "three",
                            "correct": [True] * 8 + [False] * 4})  # fmt: skip
    (found,) = ShortcutFinding.find(Evidence(samples, places=[place(range(8))]), THRESHOLDS)
    assert found.sentence == (
        "Class 3 (three): in 80 % of 10 samples, the model looks at the lower left corner: on average 41 % of the "
        "map's "
        "energy lies there, on 6 % of the area. In every other class, it does so in at most 2 % of the samples. These "
        "samples look alike there, and unlike those of other classes (contrast 0.90): the model may have learned a "
        "mark "
        "instead of the object. Accuracy is 100 % in these samples and 0 % in the other 2 of the class."
    )
    assert found.score == pytest.approx(0.8 * 0.9)
    assert found.samples == [f"s{row}" for row in range(5)]


def test_accuracy_that_nobody_knows_and_a_class_without_others():
    samples = pd.DataFrame({"id": list("abcdefghij"), "class": 3, "correct": pd.array([None] * 10, dtype="boolean")})
    (found,) = ShortcutFinding.find(Evidence(samples, places=[place(range(10))]), THRESHOLDS)
    assert found.sentence.startswith("Class 3: in 100 % of 10 samples")
    assert found.sentence.endswith("Accuracy is unknown in these samples.")


def test_places_without_contrast_are_no_findings():
    samples = pd.DataFrame({"id": list("abcdefghij"), "class": 3, "correct": True})
    assert ShortcutFinding.find(Evidence(samples, places=[place(range(8), found=False)]), THRESHOLDS) == []
