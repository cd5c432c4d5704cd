"""What a network's outputs mean, from the config to the store."""

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from saliency.exceptions import DataError
from saliency.experiment.descriptions import read_descriptions
from saliency.figures.sample_figures import describe_sample
from saliency.steps.fused import fused
from saliency.steps.predictions import write_predictions
from saliency.steps.regression import regression_table
from saliency.steps.train import train
from tests.helpers.networks import Pooled
from tests.helpers.shards import run_steps

NETWORKS = "tests.helpers.networks"
# What the networks below score the project's pictures with, about.
MIDDLE = 0.131
MIDDLE_OF_SEVERAL = [-0.0765, -0.098, -0.0615]


def model(name, **settings):
    return {"models": {"tiny": {"factory": f"{NETWORKS}:{name}", **settings}}}


def assert_equal_stores(one, other):
    assert one.plan.arrays == other.plan.arrays
    for name in one.plan.arrays:
        np.testing.assert_array_equal(one.read(name), other.read(name), err_msg=name)


@pytest.mark.parametrize("write", [run_steps, fused])
def test_output_chooses_among_several(job, write):
    plain, features_first = job("plain", **model("Pooled")), job("features_first", **model("FeaturesFirst", output=1))
    for made in (plain, features_first):
        write(made)
    assert_equal_stores(features_first, plain)


@pytest.mark.parametrize("ignore_lastlayer", [False, True])
def test_one_position_is_a_classification(job, ignore_lastlayer):
    settings = {"kwargs": {"last": "log_softmax"}, "ignore_lastlayer": ignore_lastlayer}
    targets = {"targets": ["predicted", "label", 1]}
    flat, one = (job(name, **model(name, **settings), **targets) for name in ("Pooled", "OnePosition"))
    for made in (flat, one):
        run_steps(made)
    assert_equal_stores(one, flat)
    assert np.abs(one.read("class-1/guided_backprop")).max() > 0


ONE = [
    ("Pooled", "TwoLogits", {}, "one_logit"),
    ("Squeezed", "TwoLogits", {}, "one_logit"),
    ("Pooled", "TwoLogits", {"last": "sigmoid", "ignore_lastlayer": True}, "one_logit"),
    ("Pooled", "TwoProbabilities", {"last": "sigmoid", "outputs": "probabilities"}, "probabilities"),
]


def model_of_one(name, last=None, **settings):
    """With classes on both sides of the border in the project's five pictures."""
    return model(name, kwargs={"classes": 1, "last": last, "middle": MIDDLE}, **settings)


@pytest.mark.parametrize("write", [run_steps, fused])
@pytest.mark.parametrize(("name", "oracle", "settings", "outputs"), ONE)
def test_one_score_is_two_classes(job, write, name, oracle, settings, outputs):
    """All arrays equal those of the network that returns -s and s, or 1 - p and p."""
    targets = {"targets": ["predicted", "runner_up", "label", 0, 1], "shard_size": 5}
    one = job("one", **model_of_one(name, **settings), **targets)
    found = json.loads(Path("model.json").read_text())
    assert (found["classes"], found["outputs"], found["dense"]) == (2, outputs, False)
    # The oracle has no activation that returns its scores.
    of_two = {key: value for key, value in settings.items() if key != "outputs"}
    if of_two.pop("ignore_lastlayer", False):
        of_two["last"] = None
    two = job("two", **model_of_one(oracle, **of_two), **targets)
    for made in (one, two):
        write(made)
    assert_equal_stores(one, two)
    assert sorted(set(one.read("predicted/class").tolist())) == [0, 1]
    assert one.read("label/class").tolist() == [0, 1, -1, -1, -1]
    # What speaks for one class speaks against the other.
    maps = [one.read(f"{target}/guided_backprop") for target in ("class-0", "class-1")]
    assert all(np.abs(each).max() > 0 for each in maps)


@pytest.mark.parametrize("write", [run_steps, fused])
def test_several_classes_per_sample(job, tmp_path, write):
    """Maps of a class are those of a network with this logit alone; what is explained follows the threshold."""
    manifest = tmp_path / "data" / "manifest.csv"
    rows = [f"s{number},s{number}.png,{label}\n" for number, label in enumerate(["2;0", "", "?", "1", "2"])]
    manifest.write_text("".join(["id,path,label\n", *rows]))
    middle = {"middle": MIDDLE_OF_SEVERAL}
    several = model("Pooled", outputs="multilabel", kwargs={"classes": 3, **middle})
    made = job("several", **several, targets=["predicted", "runner_up", 1, {"each": "label"}], shard_size=5)
    assert json.loads(Path("model.json").read_text())["outputs"] == "multilabel"
    write(made)
    scores = made.read("logits")
    order, said = np.argsort(-scores, axis=1), scores > 0
    assert sorted(set(said.sum(axis=1).tolist())) == [0, 1, 2]
    for target, rank in (("predicted", 0), ("runner_up", 1)):
        of_rank = order[:, rank]
        expected = np.where(said[np.arange(5), of_rank], of_rank, -1)
        assert made.read(f"{target}/class").tolist() == expected.tolist()
        assert np.isnan(made.read(f"{target}/gradcam")[expected < 0]).all()
    assert made.read("class-1/class").tolist() == [1] * 5
    assert made.plan.targets[3:] == ["label-0", "label-1", "label-2"]
    assert made.read("label-0/class").tolist() == [0, -1, -1, -1, -1]
    assert made.read("label-2/class").tolist() == [2, -1, -1, -1, 2]
    manifest.write_text("".join(["id,path\n", *(row.rpartition(",")[0] + "\n" for row in rows)]))
    whole = job("whole", **model("Pooled", kwargs={"classes": 3, **middle}), targets=[0, 1, 2], shard_size=5)
    write(whole)
    for method in ("gradcam", "guided_backprop", "guided_gradcam"):
        np.testing.assert_array_equal(made.read(f"class-1/{method}"), whole.read(f"class-1/{method}"))
        np.testing.assert_array_equal(made.read(f"label-2/{method}")[4], whole.read(f"class-2/{method}")[4])


def test_real_values(job, tmp_path):
    """The maps are those of the value, whatever its sign."""
    manifest = tmp_path / "data" / "manifest.csv"
    rows = [f"s{number},s{number}.png,{label}\n" for number, label in enumerate(["-0.5", "", "1e-3", "2", "-.25"])]
    manifest.write_text("".join(["id,path,label\n", *rows]))
    settings = {"targets": [0], "shard_size": 5, "plots": {"contact_sheets": ["first"]}}
    kwargs = {"kwargs": {"classes": 1, "middle": MIDDLE}}
    made = job("values", **model("Pooled", outputs="regression", **kwargs), **settings)
    described = json.loads(Path("model.json").read_text())
    assert (described["outputs"], described["classes"]) == ("regression", 1)
    run_steps(made)
    assert made.plan.targets == ["value-0"]
    assert made.read("value-0/class").tolist() == [0] * 5
    values = made.read("logits")[:, 0]
    assert values.shape == (5,)
    assert values.min() < 0 < values.max()
    files = [[made.files[name]] for name in ("status", "logits")]
    write_predictions(made.config, "tiny", *files, Path("model.json"), Path("predictions.csv"))
    table = pd.read_csv("predictions.csv", dtype={"label": str})
    assert list(table) == ["id", "label", "value", "error", "status", "path"]
    np.testing.assert_allclose(table["value"], values, rtol=1e-6)
    np.testing.assert_allclose(table["error"], values - [-0.5, np.nan, 1e-3, 2, -0.25], rtol=1e-5)
    manifest.write_text("".join(["id,path\n", *(row.rpartition(",")[0] + "\n" for row in rows)]))
    logit = job("logit", **model("Pooled", **kwargs), targets=[1], shard_size=5)
    run_steps(logit)
    for method in ("gradcam", "guided_backprop", "guided_gradcam"):
        np.testing.assert_array_equal(made.read(f"value-0/{method}"), logit.read(f"class-1/{method}"))


def test_several_real_values_have_their_names():
    samples = pd.DataFrame({"id": ["a", "b"], "label": ["1;2", ""]})
    table = regression_table(samples, np.zeros(2), np.array([[3.0, 4.0], [np.nan, np.nan]]), ["age"])
    assert list(table) == ["id", "label", "value_age", "error_age", "value_1", "error_1", "status"]
    assert table.loc[0, ["value_age", "error_age", "value_1", "error_1"]].tolist() == [3, 2, 4, 2]
    assert table["status"].tolist() == ["ok", "the output is not finite"]
    assert describe_sample(table.iloc[0], 0, ["age"]) == ("a, label 1;2", "value_age 3, value_1 4")
    with pytest.raises(DataError, match="sample 'a': its label '1' has 1 values, but the network gives 2"):
        regression_table(samples.assign(label=["1", ""]), np.zeros(2), np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"the manifest has columns that predictions\.csv adds: rename value_1"):
        regression_table(samples.assign(value_1="x"), np.zeros(2), np.zeros((2, 2)))


def test_label_of_several_outside_the_models_classes(job, tmp_path, caplog):
    manifest = tmp_path / "data" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("s1,s1.png,1", "s1,s1.png,1;7"))
    made = job(**model("Pooled", outputs="multilabel"), targets=[{"each": "label"}])
    fused(made)
    assert "sample 's1': data/s1.png: label 7 is outside the model's classes 0 … 3: correct it in line 3" in caplog.text
    assert made.read("label-7/class").tolist() == [-1, -1]
    assert made.read("label-1/class").tolist() == [-1, 1]


def test_training_of_one_logit_minimises_the_binary_cross_entropy():
    torch.manual_seed(0)
    x, y = torch.randn(20, 3, 8, 8), torch.arange(20) % 2
    x[y == 1, 0] += 1
    network = Pooled(1)
    expected = copy.deepcopy(network)
    history = train(network, x, y, ["train"] * 20, epochs=2, batch_size=20, learning_rate=0.01, seed=0)
    optimizer = torch.optim.Adam(expected.parameters(), lr=0.01)
    for number in range(2):
        loss = nn.functional.binary_cross_entropy_with_logits(expected(x)[:, 0], y.float())
        assert history["loss"][number] == pytest.approx(loss.item(), rel=1e-5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predicted = (expected(x)[:, 0] > 0).long()
    assert history["accuracy_train"].iloc[-1] == pytest.approx((predicted == y).float().mean().item())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (model("Pooled", outputs="multilabel", kwargs={"last": "sigmoid"}), "takes logits, but .* come from a sigmoid"),
        (model("Pooled", outputs="multilabel", kwargs={"last": "log_softmax"}), "takes logits, .* a log-softmax"),
        (
            model("Dense", outputs="multilabel"),
            r"have shape \[1, 4, 15, 15\], one per pixel or voxel: set outputs: logits",
        ),
        (model("Pooled", kwargs={"classes": 1, "last": "sigmoid"}), "its scores come from a sigmoid, so that they are"),
        (model("Pooled", kwargs={"last": "sigmoid"}), "set outputs: probabilities, or ignore_lastlayer: true"),
        (model("Pooled", outputs="probabilities"), "the scores of an empty input reach from -.*: set outputs: logits"),
    ],
)
def test_scores_that_are_not_what_the_config_says(job, settings, message):
    with pytest.raises(DataError, match=message) as error:
        job(**settings)
    assert str(error.value).startswith("models.tiny: ")
    assert "\n" not in str(error.value)


def test_results_of_a_version_with_one_class_are_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"classes": 1, "dense": false}')
    with pytest.raises(DataError, match=r"model\.json: was written by a version .*: delete this file and run again"):
        read_descriptions([path])
    for kept in ({"classes": 1, "dense": True}, {"classes": 2, "dense": False}):
        path.write_text(json.dumps(kept))
        assert read_descriptions([path]) == kept


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (model("FeaturesFirst"), r"0 \[1, 16\], 1 \[1, 4\]; say which, such as output: 1$"),
        (model("FeaturesFirst", output="logits"), "output: logits: the model returned a tuple"),
        (model("Pooled", output=0), "output: 0: the model returned a single tensor"),
        (model("AnotherBatch"), r"scores of shape \[3, 4\] for 1 sample: "),
        (model("Detector"), "a list of dicts .boxes, scores., as detection models do: "),
    ],
)
def test_what_cannot_be_read_is_named_before_any_work(job, settings, message):
    with pytest.raises(DataError, match=message) as error:
        job(**settings)
    assert str(error.value).startswith("models.tiny: for an input of shape [1, 3, 30, 30]: ")
    assert "\n" not in str(error.value)
