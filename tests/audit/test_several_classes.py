"""Tables of models for which a sample can be of several classes, against scikit-learn and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from saliency.audit.discrimination import auroc, auroc_interval, discrimination
from saliency.audit.evidence import Evidence
from saliency.audit.findings.class_in_group import ClassInGroupFinding
from saliency.audit.one_vs_rest import one_vs_rest
from saliency.exceptions import Status
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.scores import probabilities
from saliency.steps.multilabel import multilabel_table, said_and_labelled
from saliency.steps.predictions import read_predictions
from tests.helpers.audit_data import THRESHOLDS

NAN = float("nan")


def dataset(count=200, classes=3, seed=0):
    """Scores, which classes each sample has, and its table; some labels are not known, some samples failed."""
    random = np.random.default_rng(seed)
    has = random.random((count, classes)) < [0.5, 0.2, 0.35]
    scores = np.where(has, 0.8, -0.8) + random.normal(0, 1.2, (count, classes))
    labels = [";".join(map(str, np.flatnonzero(of))) for of in has]
    status = np.zeros(count, dtype=int)
    labels[3], status[5], scores[5] = "?", Status.MISSING, NAN
    samples = pd.DataFrame(
        {"id": [f"s{row}" for row in range(count)], "label": labels, "site": ["a", "b"] * (count // 2)}
    )
    table = multilabel_table(samples, status, scores, ["x", "y", "z"], 0.4)
    known = ~np.isin(np.arange(count), [3, 5])
    return scores, has, known, table


def test_table_says_what_is_predicted_of_each_class():
    logits = np.array([[2.0, 1.0, -1.0], [-1.0, 3.0, -4.0], [-2.0, -1.0, -3.0], [NAN, NAN, NAN], [-2.0, -1.0, 0.1]])
    samples = pd.DataFrame({"id": list("abcde"), "label": ["0;1", "0", "", "1", "?"], "note": list("vwxyz")})
    table = multilabel_table(samples, np.array([0, 0, 0, Status.MISSING, 0]), logits, ["cat", "dog"])
    assert list(table) == [
        *("id", "label", "predicted_class", "predicted_name", "probability", "correct", "status"),
        *("predicted_classes", "probabilities", "note"),
    ]
    assert [None if pd.isna(one) else one for one in table["predicted_class"]] == [0, 1, None, None, 2]
    assert table["predicted_name"].tolist() == ["cat", "dog", "", "", ""]
    assert table["predicted_classes"].tolist() == ["0;1", "1", "", "", "2"]
    # Where none is predicted, that is right of a sample that has none.
    assert [None if pd.isna(one) else one for one in table["correct"]] == [True, False, True, None, None]
    assert table["status"].tolist() == ["ok", "ok", "ok", "there is no such file", "ok"]
    np.testing.assert_allclose(
        table["probability"], [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-3)), NAN, NAN, 1 / (1 + np.exp(-0.1))]
    )
    shares = [list(map(float, text.split(";"))) for text in table["probabilities"] if text]
    np.testing.assert_allclose(shares, 1 / (1 + np.exp(-logits[[0, 1, 2, 4]])), rtol=1e-11)


def test_table_survives_its_file(tmp_path):
    _, _, _, table = dataset()
    (tmp_path / "predictions.csv").write_bytes(csv_bytes(table))
    again = read_predictions(tmp_path / "predictions.csv")
    assert again["label"].tolist() == table["label"].tolist()
    for one, other in zip(said_and_labelled(again), said_and_labelled(table), strict=True):
        np.testing.assert_array_equal(one, other)


def test_recall_precision_and_area_are_those_of_scikit_learn():
    scores, has, known, table = dataset()
    said = probabilities(scores, "multilabel") > 0.4
    found = one_vs_rest(table, np.ones(len(table), dtype=bool), ["site"], names=["x", "y", "z"])
    assert set(found["measure"]) == {"recall", "precision"}
    whole = found[found["column"] == ""].set_index(["measure", "class"])
    assert whole["p"].isna().all()
    assert whole.loc[("recall", 1), "name"] == "y"
    areas = discrimination(table, ["x", "y", "z"])
    for index in range(3):
        truth, call = has[known, index], said[known, index]
        assert whole.loc[("recall", index), "share"] == pytest.approx(recall_score(truth, call))
        assert whole.loc[("precision", index), "share"] == pytest.approx(precision_score(truth, call))
        assert areas.loc[index, "auroc"] == pytest.approx(roc_auc_score(truth, scores[known, index]))
        assert areas.loc[index, ["positives", "negatives"]].tolist() == [truth.sum(), (~truth).sum()]
    groups = found[found["column"] == "site"].set_index(["measure", "class", "group"]).sort_index()
    there = known & (np.arange(len(table)) % 2 == 0)
    here, elsewhere = (rows & has[:, 2] for rows in (there, known & ~there))
    row = groups.loc[("recall", 2, "a")]
    assert row["count"] == here.sum()
    assert row["right"] == said[here, 2].sum()
    counts = [[said[rows, 2].sum(), (~said[rows, 2]).sum()] for rows in (here, elsewhere)]
    p = groups.loc[("recall", 2), "p"].dropna()
    assert p.tolist() == [pytest.approx(stats.fisher_exact(counts).pvalue)]


def test_a_class_that_is_missed_in_a_group_is_a_finding():
    scores, has, _, table = dataset(400)
    missed = has[:, 2] & (np.arange(400) % 2 == 0)
    scores[missed, 2] = -3
    table = multilabel_table(table[["id", "label", "site"]], np.zeros(400), np.nan_to_num(scores), ["x", "y", "z"])
    found = one_vs_rest(table, np.ones(400, dtype=bool), ["site"], names=["x", "y", "z"])
    samples = table.assign(**{"class": 0, "name": "x"})
    (finding,) = [
        one for one in ClassInGroupFinding.find(Evidence(samples, performance=found), THRESHOLDS)
        if one.numbers["measure"] == "recall"
    ]  # fmt: skip
    assert finding.sentence.startswith(
        f"Class 2 (z), where site is a: the model finds 0 of {missed.sum()} samples (0 %"
    )
    assert (finding.numbers["label"], finding.numbers["group"]) == (2, "a")


def test_ties_count_half():
    random = np.random.default_rng(1)
    shares, has = random.integers(0, 4, 60) / 4, random.random(60) < 0.4
    assert auroc(shares, has) == pytest.approx(roc_auc_score(has, shares))
    assert np.isnan(auroc(shares, np.zeros(60, dtype=bool)))


def test_interval_holds_the_true_area_as_often_as_it_says():
    """Of two normal distributions one standard deviation apart, the area is known."""
    random, true, hits = np.random.default_rng(0), stats.norm.cdf(1 / np.sqrt(2)), 0
    has = np.arange(45) < 15
    for _ in range(400):
        low, high = auroc_interval(auroc(random.normal(has.astype(float)), has), 15, 30)
        hits += low <= true <= high
    # 95 %, within three standard errors of 400 trials.
    assert 0.917 < hits / 400 < 0.983


def test_interval_at_the_borders():
    low, high = auroc_interval(1.0, 30, 30)
    assert (0.88 < low < 0.95, high) == (True, 1.0)
    assert auroc_interval(0.0, 30, 30) == (0.0, pytest.approx(1 - low))
    assert np.isnan(auroc_interval(NAN, 0, 30)).all()
