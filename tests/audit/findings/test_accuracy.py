import numpy as np
import pandas as pd
from scipy import stats

from saliency.audit.evidence import Evidence
from saliency.audit.findings.accuracy import AccuracyFinding
from tests.helpers.audit_data import THRESHOLDS


def test_classes_that_are_right_more_and_less_often():
    samples = pd.DataFrame({"id": [f"s{row}" for row in range(200)], "class": np.repeat([0, 1], 100),
                            "correct": np.repeat([True, False, True], [100, 50, 50])})  # fmt: skip
    more, less = AccuracyFinding.find(Evidence(samples), THRESHOLDS)
    p = 2 * stats.fisher_exact([[100, 0], [50, 50]]).pvalue  # two tests, after Holm
    assert more.sentence == (
        "Class 0: the model is right more often than in other classes: in 100 % of 100 samples, elsewhere in 50 % "
        f"(corrected p {p:.1g})."
    )
    assert less.sentence.startswith(
        "Class 1: the model is right less often than in other classes: in 50 % of 100 samples"
    )
    assert more.score == less.score == 0.5


def test_neither_small_nor_unsure_differences_are_findings():
    classes = np.repeat([0, 1], 1000)
    small = pd.DataFrame({"class": classes, "correct": np.repeat([True, False, True], [1000, 100, 900])})
    unsure = pd.DataFrame({"class": [0, 0, 1, 1], "correct": [True, True, False, True]})
    unknown = pd.DataFrame({"class": classes, "correct": pd.array([None] * 2000, dtype="boolean")})
    for samples in (small, unsure, unknown):
        assert AccuracyFinding.find(Evidence(samples), THRESHOLDS) == []
