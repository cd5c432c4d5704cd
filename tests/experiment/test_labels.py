"""Labels as people write them, and the classes that they become."""

from pathlib import Path

import pytest

from saliency.experiment.cautions import manifest_cautions
from saliency.experiment.digests import Digests
from saliency.experiment.labels import classes_problem, settle_labels
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config

NAMES = {"net": ["zebra", "ant", "10"]}


@pytest.mark.parametrize(
    ("labels", "kind", "class_names", "values", "names"),
    [
        # torchvision's ImageFolder sorts the names of its folders, capitals first.
        (["cow", "Zebu", "ant", "cow", ""], "class", {}, ["2", "0", "1", "2", ""], ["Zebu", "ant", "cow"]),
        (["ant", "zebra", "1", "0.0"], "class", NAMES, ["1", "0", "1", "0"], NAMES["net"]),
        (["3.0", "", "-1", "-1.0", "2."], "class", {}, ["3", "", "", "", "2"], []),
        (["007", "1"], "class", NAMES, ["007", "1"], []),
        (["none", "some"], "class", {"net": ["none", "some"]}, ["0", "1"], ["none", "some"]),
        (["dog;cat", "?", "", "cat"], "classes", {}, ["1;0", "?", "", "0"], ["cat", "dog"]),
        (["4;1.0", "2"], "classes", {}, ["4;1", "2"], []),
        (["0.5;-1", ""], "numbers", {}, ["0.5;-1", ""], []),
    ],
)
def test_labels_become_class_indices(labels, kind, class_names, values, names):
    found = settle_labels(labels, kind, class_names)
    assert (found.problems, found.values, found.names) == ([], values, names)


@pytest.mark.parametrize(
    ("labels", "kind", "class_names", "said"),
    [
        (["ant", "bee"], "class", NAMES, "'bee' is not one of the class_names of models.net"),
        # The class of the name 10 is at 2: 10 could be either.
        (["0", "10"], "class", NAMES, "'10' is a class index, but class_names has that name at 2: rename it"),
        (["0", "cat"], "class", {}, "'cat' is not a class index (0, 1, …) or empty; other rows have indices: use one "
         "of the two"),
        (["", "nan"], "class", {}, "'nan' is not a class index (0, 1, …) or empty: leave it empty, or name it in "
         "class_names if it is a class"),
        (["1", "1.5"], "class", {}, "'1.5' is not a class index (0, 1, …) or empty"),
        (["1", "1;"], "classes", {}, "'1;' is not a list of class indices such as 1;4, empty for none of them, or ? "
         "for not known"),
        (["1", "0,5"], "numbers", {}, "'0,5' is not a number, with ; between those of several values, or empty"),
    ],
)  # fmt: skip
def test_labels_that_could_be_anything_are_refused(labels, kind, class_names, said):
    assert settle_labels(labels, kind, class_names).problems == [(1, said)]


def test_number_of_named_classes_is_the_network_s():
    assert classes_problem("net", [], 7) is None
    assert classes_problem("net", ["cat", "dog"], 2) is None
    assert classes_problem("net", ["cat", "dog"], 1000) == (
        "models.net: the network has 1000 classes, but the labels of the manifest are names, of which 2 are known: "
        "list all 1000 in models.net.class_names, in the order of the network's outputs"
    )


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Makes a plan of a manifest's rows."""
    monkeypatch.chdir(tmp_path)
    Path("x.png").write_bytes(b"abc")

    def plan(rows, header="id,path,label", **models):
        Path("m.csv").write_text("\n".join([header, *rows]) + "\n")
        models = {name: {"factory": "torch.nn:Linear", "class_names": names} for name, names in models.items()}
        config, problems = complete_config({"experiment": "e", "manifest": "m.csv", "models": models})
        return problems or Plan(config)

    return plan


def test_order_of_named_classes_is_said_and_kept(build):
    plan = build(["a,x.png,dog", "b,x.png,cat", "c,x.png,dog"], net=None, other=None)
    assert plan.columns["label"] == ["1", "0", "1"]
    assert [model["class_names"] for model in plan.config["models"].values()] == [["cat", "dog"]] * 2
    assert manifest_cautions(plan) == [
        "m.csv: labels are names, which are taken as classes in alphabetical order (0 cat, 1 dog): list them in "
        "class_names if the network's order is another"
    ]


def test_names_give_the_results_that_indices_give(build):
    """Their digests are equal, so that nothing is made again."""
    named = build(["a,x.png,dog", "b,x.png,cat"], net=["dog", "cat"])
    found = Digests(named).of("predictions", "net")
    assert manifest_cautions(named) == []
    assert Digests(build(["a,x.png,0", "b,x.png,1"], net=["dog", "cat"])).of("predictions", "net") == found


def test_models_that_order_names_differently_are_refused(build):
    orders = {"a": ["cat", "dog"], "b": ["dog", "cat"]}
    assert build(["a,x.png,dog"], **orders) == [
        "m.csv: column label: models.a and models.b have different class_names, but the labels are names: use class "
        "indices as labels"
    ]
    assert isinstance(build(["a,x.png,1"], **orders), Plan)


def test_columns_that_are_read_otherwise_or_may_be_meant_are_pointed_out(build):
    plan = build(["a,x.png,cat"], "ID,Path,Diagnosis", net=None)
    assert manifest_cautions(plan) == [
        "m.csv: column 'ID' is read as 'id'",
        "m.csv: column 'Path' is read as 'path'",
        "m.csv: column 'Diagnosis' is carried along as it is: rename it to 'label' if that is what it holds",
    ]
    assert manifest_cautions(build(["a,x.png,1"], net=None)) == []
    assert manifest_cautions(build(["a,x.png,yes"], "id,path,Mask", net=None)) == [
        "m.csv: column 'Mask' is carried along as it is: rename it to 'mask' if that is what it holds"
    ]
