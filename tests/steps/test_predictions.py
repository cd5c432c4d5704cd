import csv
import io

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

from saliency.exceptions import Status
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.scores import probabilities
from saliency.steps.predictions import predictions_table

NAN = float("nan")


def samples(**columns):
    number = len(next(iter(columns.values()), "abcd"))
    return pd.DataFrame({"id": list("abcdef")[:number], "path": ["x.png"] * number, **columns}, dtype=str)


def as_lists(table, *columns):
    """Columns with None where there is no value."""
    return [[None if pd.isna(value) else value for value in table[column]] for column in columns]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_of_several_classes_are_the_softmax(dtype):
    scores = np.random.default_rng(0).normal(0, 300, (50, 7)).astype(dtype)
    scores[3] = NAN
    found = probabilities(scores, "logits")
    np.testing.assert_allclose(found, softmax(scores.astype(float), axis=1), rtol=1e-12, atol=1e-300)
    assert np.isnan(found).sum() == 7


def test_probability_of_one_score_is_the_logistic_function():
    scores = np.array([[-1000.0], [-5.0], [0.0], [0.3], [40.0], [1000.0], [NAN]]) * [-1, 1]
    found = probabilities(scores, "one_logit")
    np.testing.assert_allclose(found[:, 1], expit(scores[:, 1]), rtol=1e-12)
    np.testing.assert_allclose(found[:, 0], 1 - expit(scores[:, 1]), atol=1e-15)


@pytest.mark.parametrize("scores", [[[0.25, 0.75], [NAN, NAN]], [[0.25]]])
def test_probabilities_are_taken_as_they_are(scores):
    np.testing.assert_array_equal(probabilities(np.array(scores), "probabilities"), scores)


def test_predictions_without_labels():
    logits = np.log([[1.0, 3.0, 4.0], [5.0, 3.0, 2.0]])
    table = predictions_table(samples(site=["n", "s"]), np.array([-1, -1]), np.zeros(2), logits)
    assert list(table) == [
        "id", "label", "predicted_class", "predicted_name", "probability", "correct", "status", "path", "site"
    ]  # fmt: skip
    assert as_lists(table, "label", "correct", "predicted_class", "predicted_name", "status", "site") == [
        [None, None], [None, None], [2, 0], ["", ""], ["ok", "ok"], ["n", "s"]
    ]  # fmt: skip
    np.testing.assert_allclose(table["probability"], [0.5, 0.5])


def test_predictions_with_labels_and_failed_samples():
    logits = np.log([[1, 9], [8, 2], [7, 3], [NAN, NAN], [6, 4], [NAN, 1]])
    status = np.array([0, 0, 0, Status.MISSING, 0, 0], dtype=np.int8)
    manifest = samples(label=["1", "1", "", "0", "0", "1"], note=list("uvwxyz"))
    table = predictions_table(manifest, np.array([1, 1, -1, 0, 0, 1]), status, logits, ["cat", "dog"])
    assert as_lists(table, "id", "label", "predicted_class", "predicted_name", "correct", "status", "note") == [
        ["a", "b", "c", "d", "e", "f"],
        [1, 1, None, 0, 0, 1],
        [1, 0, 0, None, 0, None],
        ["dog", "cat", "cat", "", "cat", ""],
        [True, False, None, None, True, None],
        ["ok", "ok", "ok", "there is no such file", "ok", "the output is not finite"],
        ["u", "v", "w", "x", "y", "z"],
    ]
    np.testing.assert_allclose(table["probability"], [0.9, 0.8, 0.7, NAN, 0.6, NAN])


def test_infinite_output_is_no_prediction():
    logits = np.array([[np.inf, 0.0], [0.0, -np.inf], [1.0, 2.0]])
    table = predictions_table(samples(label=["0", "0", "0"]), np.array([0, 0, 0]), np.zeros(3), logits)
    assert as_lists(table, "predicted_class", "correct") == [[None, None, 1], [None, None, False]]
    assert table["status"].tolist() == ["the output is not finite"] * 2 + ["ok"]


def test_class_names_may_be_fewer_than_classes():
    table = predictions_table(samples(), np.full(4, -1), np.zeros(4), np.eye(4), ["cat", "dog"])
    assert table["predicted_name"].tolist() == ["cat", "dog", "", ""]


@pytest.mark.parametrize(
    ("outputs", "scores"),
    [("one_logit", [[np.log(4)], [0.0], [-np.log(4)], [NAN]]), ("probabilities", [[0.8], [0.5], [0.2], [NAN]])],
)
def test_of_one_score_class_1_is_predicted_above_a_half(outputs, scores):
    high = np.array(scores)
    both = np.concatenate([1 - high if outputs == "probabilities" else -high, high], axis=1)
    status, labels = np.array([0, 0, 0, Status.UNREADABLE]), np.array([1, 0, 1, 1])
    table = predictions_table(samples(), labels, status, both, ["no", "yes"], outputs)
    assert as_lists(table, "predicted_class", "predicted_name", "correct", "status") == [
        [1, 0, 0, None],
        ["yes", "no", "no", ""],
        [True, True, False, None],
        ["ok", "ok", "ok", "the file cannot be decoded"],
    ]
    np.testing.assert_allclose(table["probability"], [0.8, 0.5, 0.8, NAN])


def test_table_as_text_has_plain_integers_and_empty_cells():
    table = predictions_table(
        samples(label=["1", ""]), np.array([1, -1]), np.array([0, 1]), np.array([[0.0, 0.0], [NAN, NAN]])
    )
    assert table.to_csv(index=False, float_format="%.6f").splitlines()[1:] == [
        "a,1,0,,0.500000,False,ok,x.png",
        "b,,,,,,there is no such file,x.png",
    ]


def test_label_outside_the_classes_counts_where_it_is_explained():
    logits = np.log([[1.0, 9.0], [8.0, 2.0], [NAN, 1.0]])
    manifest, labels = samples(label=["1", "2", "2"]), np.array([1, 2, 2])
    table = predictions_table(manifest, labels, np.zeros(3), logits, label_explained=True)
    assert as_lists(table, "label", "predicted_class", "correct", "status") == [
        [1, 2, 2],
        [1, 0, None],
        [True, None, None],
        ["ok", "the label is outside the model's classes", "the output is not finite"],
    ]
    assert predictions_table(manifest, labels, np.zeros(3), logits)["status"].tolist()[:2] == ["ok", "ok"]


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/C calc'!A0",
        "+1+cmd",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "=1\r\n=2",
        "\n=1",
        "＝1",
        "-",
        "--5",
        "+-5",
        "-1e",
        "-5 mm",
    ],
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    table = pd.DataFrame({"id": ["a"], text: [text]}, dtype=str)
    safe = "'" + text.replace("\r\n", "\n").replace("\r", "\n")
    assert list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline=""))) == [["id", safe], ["a", safe]]


def test_numbers_and_harmless_text_stay_as_they_are():
    texts = ["-3.5", "+4", "-.5", "-1e-3", "12", "", "a=b", "x-1", "'quoted'", "1,5", 'a "b"\n=c']
    table = pd.DataFrame({"text": texts, "number": np.arange(-5.0, 6), "known": pd.array([True] * 11, "boolean")})
    found = list(csv.reader(io.StringIO(csv_bytes(table).decode())))[1:]
    assert [row[0] for row in found] == texts
    assert [float(row[1]) for row in found] == list(range(-5, 6))
    assert [row[2] for row in found] == ["True"] * 11
