"""Findings on the files alone: what tables say becomes sentences, and quiet tables stay quiet."""

import pandas as pd
import pytest

from saliency.audit.evidence import Evidence
from saliency.audit.findings.duplicates import DuplicatesFinding
from saliency.audit.findings.files_tell_label import FilesTellLabelFinding
from saliency.audit.findings.files_tell_prediction import FilesTellPredictionFinding
from tests.helpers.audit_data import THRESHOLDS

SAMPLES = pd.DataFrame({"id": ["a", "b", "c", "d"], "class": [0, 0, 1, 1], "name": ["wolf", "wolf", "*dog*", "*dog*"]})
WORDS = {
    "bytes": "the file size is lower (median 12 kB against 96 kB)",
    "format": "the format is <PNG> in 95 % of the samples (against 3 %)",
    "red_mean": "the mean of red is higher (median 0.6 against 0.2)",
}


def evidence(label: dict | None = None, prediction: dict | None = None, carried=("bytes", "format")) -> Evidence:
    quiet = {
        "samples": 100,
        "classes": 2,
        "balanced_accuracy": 0.55,
        "low": 0.45,
        "high": 0.65,
        "chance": 0.5,
        "p": 0.5,
    }
    rows = []
    for asked, found in (("label", label), ("prediction", prediction)):
        rows.append({"asked": asked, "fact": "all", **quiet, **(found or {})})
        rows += [
            {
                "asked": asked,
                "fact": name,
                "importance": 0.3 - 0.1 * place,
                "class": place % 2,
                "effect": place - 0.5,
                "words": WORDS[name],
            }
            for place, name in enumerate(carried)
        ]
        rows.append(
            {"asked": asked, "fact": "width", "importance": 0.01, "class": 0, "effect": 0.1, "words": "never named"}
        )
    return Evidence(SAMPLES, checks={"facts_test": pd.DataFrame(rows)})


STRONG = {"balanced_accuracy": 0.87, "low": 0.79, "high": 0.92, "p": 0.02}


def test_files_that_tell_the_label():
    (finding,) = FilesTellLabelFinding.find(evidence(STRONG), THRESHOLDS)
    assert finding.sentence == (
        "The files alone give the label away: facts of the files, without any network, put 87 % of 100 samples into "
        "the right class (each class counts the same; confidence interval 79 % to 92 %; chance 50 %; corrected p "
        "0.04). What carries it: Class 0 (wolf): the file size is lower (median 12 kB against 96 kB); Class 1 (*dog*): "
        "the format is <PNG> in 95 % of the samples (against 3 %). A model that learns these facts looks right, also "
        "where it never sees the object."
    )
    assert r"\*dog\*" in finding.markdown
    assert r"\<PNG\>" in finding.markdown
    assert finding.score == pytest.approx(0.37)
    assert finding.numbers["facts"] == ["bytes", "format"]
    assert FilesTellPredictionFinding.find(evidence(STRONG), THRESHOLDS) == []


def test_files_that_tell_the_prediction_beyond_the_label():
    (finding,) = FilesTellPredictionFinding.find(evidence(None, STRONG, ["red_mean"]), THRESHOLDS)
    assert finding.sentence.startswith("The files alone tell the prediction, beyond what they tell of the label: ")
    assert "This can also come with the object itself: mean of red." in finding.sentence
    assert finding.score == pytest.approx(0.37)


def test_where_no_fact_carries_it_alone_it_is_said():
    table = evidence(STRONG).checks["facts_test"].assign(importance=-0.01)
    (finding,) = FilesTellLabelFinding.find(Evidence(SAMPLES, checks={"facts_test": table}), THRESHOLDS)
    assert "Several facts carry it" in finding.sentence
    assert finding.numbers["facts"] == ["bytes", "format", "width"]


@pytest.mark.parametrize(
    "result",
    [
        STRONG | {"p": 0.04},  # two tests
        STRONG | {"balanced_accuracy": 0.65},  # less than min_difference
        {"balanced_accuracy": None, "chance": None, "p": None},  # no test
    ],
)
def test_neither_small_nor_unsure_results_are_findings(result):
    assert FilesTellLabelFinding.find(evidence(result), THRESHOLDS) == []


def test_other_targets_have_no_such_findings():
    for kind in (FilesTellLabelFinding, FilesTellPredictionFinding, DuplicatesFinding):
        assert kind.find(Evidence(SAMPLES), THRESHOLDS) == []


def test_photographs_that_come_twice():
    columns = ["id", "other", "bits", "column", "group", "other_group"]
    rows = [
        ["a", "b", 0, "split", "train", "<test>"],
        ["a", "x", 2, "split", "train", "test"],
        ["b", "c", 3, "label", "0", "1"],
        ["x", "y", 3, "fold", "0", "1"],
    ]
    table = Evidence(SAMPLES, checks={"duplicates": pd.DataFrame(rows, columns=columns)})
    split, label = DuplicatesFinding.find(table, THRESHOLDS)
    assert split.sentence == (
        "2 of 4 samples (50 %) are nearly the same photograph as another one with another split, such as a (train) "
        "and b (<test>), whose perceptual hashes differ in 0 of 64 bits: results on one side are those of pictures "
        "that are known from the other."
    )
    assert r"\<test\>" in split.markdown
    assert (split.score, list(split.samples)) == (0.5, ["a", "b", "x"])
    assert "one of the two labels is wrong" in label.sentence
