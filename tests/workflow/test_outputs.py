"""Whole runs of networks with one logit, and with several classes per sample: tables, maps, audit and page agree."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from saliency import GradCAM, GuidedBackprop, open_maps
from tests.helpers.planted_project import COUNT, planted_project, trained

pytestmark = pytest.mark.slow

METHODS = {"gradcam": GradCAM, "guided_backprop": GuidedBackprop}
RANDOM = np.random.default_rng(0)
SEVERAL = [tuple(np.flatnonzero(RANDOM.random(3) < 0.4).tolist()) for _ in range(COUNT)]
# A label that is not known.
SEVERAL_KNOWN = [number != 7 for number in range(COUNT)]


def page_data(project, name):
    """What a script of the page hands over."""
    text = (project.results.parent / "test" / "report" / "data" / f"{name}.js").read_text()
    return json.loads(re.fullmatch(r'report\.add\("[^"]*",(.*)\);\n', text, re.DOTALL)[1])


def findings(project, model, target="predicted"):
    return json.loads((project.results / model / "audit" / target / "findings.json").read_text())["findings"]


@pytest.fixture(scope="module")
def one_logit(tmp_path_factory):
    """The network with one logit beside the one that returns -s and s; both have the same weights."""
    folder = tmp_path_factory.mktemp("one_logit")
    labels = [str(number % 2) for number in range(COUNT)]
    shown = [(1,) if label == "1" else () for label in labels]
    settings = {"weights": "w.safetensors", "kwargs": {"classes": 1}, "class_names": ["without", "with"]}
    project, x = planted_project(
        folder, shown, labels, targets=["predicted", 0], execution="fused",
        models={name: {"factory": f"planted_networks:{kind}", **settings}
                for name, kind in (("one", "Network"), ("two", "Both"))},
    )  # fmt: skip
    network = trained(1, x, torch.tensor([[float(label)] for label in labels]), folder / "w.safetensors")
    project.output = project.run()
    with torch.no_grad():
        return project, network(x)[:, 0].numpy()


def test_stores_of_one_logit_and_of_both_are_equal(one_logit):
    project, scores = one_logit
    one, two = (open_maps(project.results / f"{name}.zarr") for name in ("one", "two"))
    np.testing.assert_allclose(one["logits"][:], np.stack([-scores, scores], 1), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(one["predicted/class"][:], (scores > 0).astype(int))
    for target in one.targets:
        np.testing.assert_array_equal(one[f"{target}/class"][:], two[f"{target}/class"][:])
        for method in ("gradcam", "guided_backprop", "guided_gradcam"):
            found, expected = (maps[f"{target}/{method}"][:] for maps in (one, two))
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
            assert np.abs(found).max() > 0


def test_tables_and_audit_of_one_logit_are_those_of_both(one_logit):
    project, scores = one_logit
    one, two = (pd.read_csv(project.results / name / "predictions.csv") for name in ("one", "two"))
    np.testing.assert_allclose(one["probability"], expit(np.abs(scores)), rtol=1e-4)
    assert one["predicted_class"].tolist() == (scores > 0).astype(int).tolist()
    assert one["predicted_name"].tolist() == np.where(scores > 0, "with", "without").tolist()
    pd.testing.assert_frame_equal(one.drop(columns="probability"), two.drop(columns="probability"))
    for table in ("performance.csv", "confusion.csv", "clusters.csv", "groups.csv"):
        for target in ("predicted", "class-0"):
            pair = [pd.read_csv(project.results / name / "audit" / target / table) for name in ("one", "two")]
            pd.testing.assert_frame_equal(*pair, rtol=1e-3)
    pair = [pd.read_csv(project.results / name / "audit" / "transfer.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*pair)
    assert set(pair[0]["class"]) == {0, 1}


def test_a_mark_in_the_positive_class_is_found_and_the_page_says_so(one_logit):
    project, scores = one_logit
    # A defect that hides the mark may come first: it turns pictures into the negative class.
    of_mark = [one for one in findings(project, "one") if (one["kind"], one["numbers"].get("class")) == ("transfer", 1)]
    assert any("Without it, recall of class 'with' falls" in one["sentence"] for one in of_mark)
    shown = page_data(project, "one/predictions")
    assert shown["predicted"] == (scores > 0).astype(int).tolist()
    assert shown["label"] == [number % 2 for number in range(COUNT)]
    np.testing.assert_allclose(shown["probability"], expit(np.abs(scores)), atol=1e-4)
    assert page_data(project, "one/predicted/measures")["class"] == shown["predicted"]
    assert set(page_data(project, "one/predicted/classes")["mean_maps"]) >= {"0", "1"}
    page = (project.results / "report" / "index.html").read_text()
    assert "turns" in page
    assert "has no weights" not in project.output


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    known = zip(SEVERAL_KNOWN, SEVERAL, strict=True)
    labels = [";".join(map(str, of)) if is_known else "?" for is_known, of in known]
    project, x = planted_project(
        folder, SEVERAL, labels, targets=["predicted", {"each": "label"}, 1], execution="fused",
        models={"net": {"factory": "planted_networks:Network", "weights": "w.safetensors", "kwargs": {"classes": 3},
                        "outputs": "multilabel", "threshold": 0.6, "class_names": ["middle", "mark", "line"]}},
    )  # fmt: skip
    wanted = torch.tensor([[float(index in of) for index in range(3)] for of in SEVERAL])
    network = trained(3, x, wanted, folder / "w.safetensors")
    project.run()
    with torch.no_grad():
        return project, network, x, network(x).numpy()


def test_maps_of_several_classes_are_those_of_a_network_for_each(several):
    project, network, x, scores = several
    maps = open_maps(project.results / "net.zarr")
    assert maps.targets == ("class-1", "label-0", "label-1", "label-2", "predicted")
    said = expit(scores) > 0.6
    order = np.argsort(-scores, axis=1)
    rows = np.arange(COUNT)
    expected = np.where(said[rows, order[:, 0]], order[:, 0], -1)
    np.testing.assert_array_equal(maps["predicted/class"][:], expected)
    assert sorted(set(expected.tolist())) == [-1, 0, 1, 2]
    for index in range(3):
        has = [index if known and index in of else -1 for known, of in zip(SEVERAL_KNOWN, SEVERAL, strict=True)]
        np.testing.assert_array_equal(maps[f"label-{index}/class"][:], has)
    np.testing.assert_array_equal(maps["class-1/class"][:], 1)
    for name, method in METHODS.items():
        of_class = []
        for index in range(3):
            alone = type(network)(1)
            alone.load_state_dict(network.state_dict() | {
                "head.weight": network.head.weight[index:][:1], "head.bias": network.head.bias[index:][:1]
            })  # fmt: skip
            with method(alone).forward_pass(x) as forward:
                of_class.append(forward.maps(torch.ones(COUNT, dtype=torch.long))[name].numpy())
        for target in maps.targets:
            classes, found = maps[f"{target}/class"][:], maps[f"{target}/{name}"][:]
            assert np.isnan(found[classes < 0]).all()
            for index in range(3):
                expected = of_class[index][classes == index]
                np.testing.assert_allclose(found[classes == index], expected, rtol=1e-3, atol=1e-5)


def test_tables_of_several_classes_are_those_of_scikit_learn(several):
    project, _, _, scores = several
    said, known = expit(scores) > 0.6, np.array(SEVERAL_KNOWN)
    has = np.array([[index in of for index in range(3)] for of in SEVERAL])
    table = pd.read_csv(project.results / "net" / "predictions.csv", dtype={"label": str, "predicted_classes": str})
    assert table["predicted_classes"].fillna("").tolist() == [";".join(map(str, np.flatnonzero(of))) for of in said]
    shares = np.array([list(map(float, text.split(";"))) for text in table["probabilities"]])
    np.testing.assert_allclose(shares, expit(scores), rtol=1e-4, atol=1e-7)
    assert table["correct"].isna().tolist() == (~known).tolist()
    performance = pd.read_csv(project.results / "net" / "audit" / "predicted" / "performance.csv")
    whole = performance[performance["column"].isna()].set_index(["measure", "class"])
    ranks = pd.read_csv(project.results / "net" / "audit" / "predicted" / "discrimination.csv").set_index("class")
    for index in range(3):
        truth, call = has[known, index], said[known, index]
        assert whole.loc[("recall", index), "share"] == pytest.approx(recall_score(truth, call))
        assert whole.loc[("precision", index), "share"] == pytest.approx(precision_score(truth, call))
        assert ranks.loc[index, "auroc"] == pytest.approx(roc_auc_score(truth, scores[known, index]), abs=1e-6)
        assert ranks.loc[index, "positives"] == truth.sum()
        assert 0 < ranks.loc[index, "low"] <= ranks.loc[index, "auroc"] <= ranks.loc[index, "high"] <= 1
    assert set(performance["measure"]) == {"recall", "precision"}


def test_a_mark_in_one_of_several_classes_is_found_and_the_page_says_so(several):
    project, _, _, scores = several
    # Class 2 is known by a line at the edge, which decides as much as the mark: which of them comes first is open.
    told = {(one["kind"], one["numbers"]["class"], one["numbers"].get("intervention")): one
            for one in findings(project, "net")}  # fmt: skip
    window = told["transfer", 1, "window"]
    assert "class 'mark'" in window["sentence"]
    assert window["numbers"]["turned"] > 0.8 * window["numbers"]["targets"]
    # The mark is from 72 to 91 % of the height and from 9 to 28 % of the width.
    assert window["numbers"]["variant"] == "62-100 % x 0-38 %"
    assert "72 to 91 % of the height and 9 to 28 % of the width" in told["removal", 1, "shared_content"]["sentence"]
    shown = page_data(project, "net/predictions")
    assert shown["predicted"] == [np.flatnonzero(of).tolist() for of in expit(scores) > 0.6]
    assert shown["label"] == [list(of) if known else None for known, of in zip(SEVERAL_KNOWN, SEVERAL, strict=True)]
    classes = open_maps(project.results / "net.zarr")["predicted/class"][:]
    assert page_data(project, "net/predicted/measures")["class"] == [int(one) if one >= 0 else None for one in classes]
