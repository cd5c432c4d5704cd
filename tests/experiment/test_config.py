import copy
import datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from saliency.experiment.config import input_config, input_shape, read_class_names
from saliency.experiment.keys.experiment import experiment_keys
from saliency.experiment.keys.inputs import IMAGE_KEYS, VOLUME_KEYS
from saliency.experiment.keys.models import MODEL_KEYS
from saliency.experiment.validation import complete_config
from saliency.methods.registered import methods

ROOT = Path(__file__).parents[2]
NAMES = [key.name for key in experiment_keys()]
FACTORY = next(key for key in MODEL_KEYS if key.name == "factory").schema["pattern"]
WORDS = [*NAMES, *(key.name for key in (*MODEL_KEYS, *IMAGE_KEYS, *VOLUME_KEYS)),
         "samples", "contact_sheets", "label", "predicted"]  # fmt: skip


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A small config without problems, and its files, in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("m.csv").write_text("id,path,label\na,m.csv,0\n")
    Path("names.txt").write_text("cat\ndog\n")
    return {"experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "torch.nn:Linear"}}}


def problems(config, changes=(), **model):
    config = copy.deepcopy(config)
    config.update(changes)
    config["models"]["net"].update(model)
    return complete_config(config)[1]


def test_reduced_precision_has_no_place_beside_double(config):
    assert problems(config, {"reduced_precision": "tf32"}) == []
    expected = "config: reduced_precision: has no effect on precision float64: leave one of them out"
    assert problems(config, {"reduced_precision": "tf32", "precision": "float64"}) == [expected]


def test_small_config_has_no_problems(config):
    assert problems(config) == []


def test_shipped_config_has_no_problems_and_gets_defaults(monkeypatch):
    monkeypatch.chdir(ROOT)
    given_config = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    before = copy.deepcopy(given_config)
    completed, found = complete_config(given_config)
    assert found == []
    assert given_config == before
    model, audit = completed["models"].pop("efficientnet_lite0"), completed.pop("audit")
    assert completed == {
        "experiment": "photographs",
        "manifest": "config/photographs.csv",
        "input": {"mode": "2D", "dataset": None, "preset": None, "channels": 3, "resize": 256, "crop": 224,
                  "interpolation": "bicubic", "mask_values": None, "value_range": None, "window": None,
                  "transform": None, "order": "rgb", "fit": "crop", "pad_value": 0, "mean": [0.49804],
                  "std": [0.50196]},
        "models": {},
        "targets": ["predicted", "runner_up"],
        "methods": ["guided_backprop", "gradcam", "guided_gradcam"],
        "method_settings": {},
        "keep_bits": {},
        "report": {"side": "auto"},
        "shard_size": 8,
        "batch_size": 16,
        "threads": 1,
        "device": "auto",
        "precision": "float32",
        "reduced_precision": None,
        "on_error": "fail",
        "max_failed": None,
        "execution": "steps",
        "region": "predicted",
        "made_by_rules": [],
        "digits": None,
        "textures": None,
        "patches": None,
        "export": "none",
        "plots": {"samples": "first", "count": 12, "seed": 0,
                  "contact_sheets": ["first", "random", "misclassified", "least_confident"]},
    }  # fmt: skip
    assert (audit["tolerance"], audit["grid"], audit["where"], audit["faithfulness"]) == (15, 8, {}, None)
    settings = ["train", "target_layer", "section_names", "ignore_lastlayer", "outputs", "input"]
    assert [model[key] for key in settings] == [None, None, None, False, "logits", {}]


@pytest.mark.parametrize(
    ("changes", "model", "expected"),
    [
        ({"shard_siz": 3}, {}, "config: unknown key 'shard_siz'; did you mean 'shard_size'?"),
        ({}, {"wieghts": None}, "config: models.net: unknown key 'wieghts'; did you mean 'weights'?"),
        ({"input": {"cropp": 9}}, {}, "config: input: unknown key 'cropp'; did you mean 'crop'?"),
        ({}, {"input": {"resise": 9}}, "config: models.net.input: unknown key 'resise'; did you mean 'resize'?"),
        ({"plots": {"cuont": 1}}, {}, "config: plots: unknown key 'cuont'; did you mean 'count'?"),
        ({"plots": {"xyz": 1}}, {},
         "config: plots: unknown key 'xyz'; known keys: samples, count, seed, contact_sheets"),
        ({"method_settings": {"gradcm": {}}}, {},
         "config: method_settings: unknown key 'gradcm'; did you mean 'gradcam'?"),
        ({"keep_bits": {"gradcm": 7}}, {}, "config: keep_bits: unknown key 'gradcm'; did you mean 'gradcam'?"),
        ({"keep_bits": {"gradcam": 23}}, {}, "config: keep_bits.gradcam: 23 is greater than the maximum of 22"),
        ({"method_settings": {"gradcam": {"sigma": 1}}}, {},
         "config: method_settings.gradcam: unknown key 'sigma'; there are none here"),
    ],
)  # fmt: skip
def test_unknown_key_comes_with_a_hint(config, changes, model, expected):
    assert problems(config, changes, **model) == [expected]


def test_settings_of_a_method_are_checked_and_completed(config):
    assert problems(config, {"methods": ["smoothgrad"]}) == []
    assert problems(config, {"method_settings": {"smoothgrad": {"samples": "3"}, "gradcam": None}}) == [
        "config: method_settings.gradcam: None is not of type 'object'",
        "config: method_settings.smoothgrad.samples: '3' is not of type 'integer'",
    ]
    assert problems(config, {"method_settings": {"smoothgrad": {"sample": 3}}}) == [
        "config: method_settings.smoothgrad: unknown key 'sample'; did you mean 'samples'?"
    ]
    completed, found = complete_config(config | {"method_settings": {"smoothgrad": {}}})
    assert (completed["method_settings"]["smoothgrad"]["samples"], found) == (25, [])


@pytest.mark.parametrize("limit", [0, -1, 1.0, 1.5, 0.0, True, "3"])
def test_max_failed_is_a_number_of_samples_or_a_share(config, limit):
    words = "with on_error skip, a number of samples (1, 2, …), a share of them between 0 and 1, or null"
    assert problems(config, {"max_failed": limit}) == [f"config: max_failed: {limit!r} does not fit: {words}"]
    for allowed in (None, 1, 3, 0.5):
        assert problems(config, {"max_failed": allowed}) == []


@pytest.mark.parametrize("axes", ["RAX", "RRS", "RLS", "RA", "RASS", "ras", "XYZ", "", 3, None])
def test_other_letters_are_no_orientation(config, axes):
    words = "three letters, one of R and L, one of A and P, one of S and I"
    volumes = {"mode": "3D", "crop": 8}
    assert problems(config, {"input": volumes | {"orientation": axes}}) == [
        f"config: input.orientation: {axes!r} does not fit: {words}"
    ]
    for allowed in ("RAS", "SPL", "PIR"):
        assert problems(config, {"input": volumes | {"orientation": allowed}}) == []


def test_all_wrong_types_are_reported_together_with_their_places(config):
    changes = {"experiment": "a/b", "shard_size": "8", "batch_size": 0, "threads": 8.0, "methods": ["gradcm"],
               "targets": ["predicted", True, 1.0], "input": {"mean": [float("nan")], "channels": 0}}  # fmt: skip
    target = "predicted, label, runner_up, a class index (0, 1, …), or {each: label}"
    assert problems(config, changes, factory="torch", kwargs=[]) == [
        "config: batch_size: 0 does not fit: a number of samples, at least 1, or null",
        "config: experiment: 'a/b' does not fit: a name of letters, digits, '.', '_' and '-'; results go to "
        "results/NAME",
        "config: input.channels: 0 is less than the minimum of 1",
        "config: input.mean.0: nan is not of type 'number'",
        f"config: methods.0: 'gradcm' is not one of {list(methods())}; did you mean 'gradcam'?",
        "config: models.net.factory: 'torch' does not fit: package.module:callable, onnx:FILE or torchscript:FILE",
        "config: models.net.kwargs: [] is not of type 'object'",
        "config: shard_size: '8' does not fit: auto, a number of samples, at least 1, or null",
        f"config: targets.1: True does not fit: {target}",
        f"config: targets.2: 1.0 does not fit: {target}",
        "config: threads: 8.0 does not fit: a number of cores per job, at least 1",
    ]


def test_required_keys_are_asked_for():
    found = [f"config: '{key}' is a required property" for key in ("experiment", "manifest", "models")]
    assert complete_config({})[1] == found


@pytest.mark.parametrize("name", ["gone.pth", "", ".", "package://numpy/gone.pth", "n" * 300, "nul\0"])
@pytest.mark.parametrize("key", ["weights", "class_names"])
def test_missing_file_is_named(config, key, name):
    assert problems(config, **{key: name}) == [f"config: models.net.{key}: there is no file '{name}'"]


def test_parts_of_a_checkpoint_are_looked_for(config, tmp_path):
    index = tmp_path / "w.safetensors.index.json"
    (tmp_path / "1.safetensors").touch()
    index.write_text('{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}')
    expected = f"there is no file '2.safetensors', a part of the checkpoint '{index}'"
    assert problems(config, weights=str(index)) == [f"config: models.net.weights: {expected}"]
    (tmp_path / "2.safetensors").touch()
    assert problems(config, weights=str(index)) == []


@pytest.mark.parametrize(("key", "value"), [("weights_key", "ema"), ("weights_prefix", ""), ("weights_strict", False)])
def test_choice_of_a_checkpoint_needs_one(config, tmp_path, key, value):
    (tmp_path / "w.pt").touch()
    expected = f"config: models.net.{key}: has no effect without weights: leave it out"
    assert problems(config, **{key: value}) == [expected]
    assert problems(config, weights=str(tmp_path / "w.pt"), **{key: value}) == []


def test_package_that_is_not_installed_is_named(config):
    name = "package://no_such_package/x"
    reason = f"the Python package 'no_such_package' of '{name}' is not installed"
    assert problems(config, factory="no_such_package.net:build", weights=name, class_names=name) == [
        "config: models.net.factory: the Python package 'no_such_package' is not installed",
        f"config: models.net.weights: {reason}",
        f"config: models.net.class_names: {reason}",
    ]


@pytest.mark.parametrize("package", ["__main__", "n" * 300])
def test_factory_in_no_package_is_reported(config, monkeypatch, package):
    # As in a console script, for which importlib raises instead of finding nothing.
    monkeypatch.setattr("__main__.__spec__", None)
    expected = f"config: models.net.factory: the Python package '{package}' is not installed"
    assert problems(config, factory=f"{package}:build") == [expected]


@pytest.mark.parametrize("name", ["my_module.py", "my_module/__init__.py"])
def test_factory_may_lie_in_the_working_directory(config, name):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).touch()
    assert problems(config, factory="my_module:build") == []


@pytest.mark.parametrize("value", [float("inf"), datetime.date(2020, 1, 1), {1: 0, "a": 0}])
def test_kwargs_that_json_cannot_hold_are_refused(config, value):
    (found,) = problems(config, kwargs={"x": value})
    assert found.startswith("config: models.net.kwargs: must be what JSON can hold: ")


@pytest.mark.parametrize("names", [["cat", "dog"], "names.txt"])
def test_target_outside_the_class_names_is_reported(config, names):
    expected = "config: targets: class 2 is outside the 2 class_names of models.net"
    assert problems(config, {"targets": [0, 1, 2, "predicted"]}, class_names=names) == [expected]


def test_class_names_are_the_lines_of_utf_8_text(config):
    Path("names.txt").write_bytes("\ufeffKätzchen\r\nHund\n".encode())
    assert read_class_names("names.txt") == ["Kätzchen", "Hund"]
    Path("names.txt").write_bytes("Kätzchen\n".encode("latin-1"))
    (found,) = problems(config, class_names="names.txt")
    assert found.startswith("config: models.net.class_names: 'names.txt' cannot be read as UTF-8 text")


SHAPE = "all samples must get one shape: set crop, or resize to [height, width]"


def test_input_must_give_one_shape_and_fit_the_channels(config):
    changes = {"input": {"crop": None, "mean": [0, 0], "std": [1, 1, 1, 1]}}
    assert problems(config, changes, input={"resize": [9, 9], "mean": [0]}) == [
        f"config: input: {SHAPE}",
        "config: input.mean: has 2 values for 3 channels",
        "config: input.std: has 4 values for 3 channels",
        "config: models.net.input.std: has 4 values for 3 channels",
    ]


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"mode": "2D", "channels": 3, "resize": 256, "crop": 224}, (3, 224, 224)),
        ({"mode": "2D", "channels": 3, "resize": None, "crop": [20, 30]}, (3, 20, 30)),
        ({"mode": "2D", "channels": 1, "resize": [40, 50], "crop": None}, (1, 40, 50)),
        ({"mode": "2D", "channels": 3, "resize": [9, 9], "crop": 7}, (3, 7, 7)),
        ({"mode": "3D", "channels": 2, "crop": 8}, (2, 8, 8, 8)),
        ({"mode": "3D", "channels": ["t1", "flair"], "crop": [8, 9, 10]}, (2, 8, 9, 10)),
    ],
)
def test_shape_of_an_input_is_that_of_the_last_step(settings, shape):
    assert input_shape({"input": settings, "models": {"net": {"input": {}}}}, "net") == shape


def test_model_overrides_the_input(config):
    assert problems(config, {"input": {"crop": None, "resize": [9, 8]}}) == []
    assert problems(config, {}, input={"crop": None}) == [f"config: models.net.input: {SHAPE}"]
    config["models"]["net"]["input"] = {"channels": 1, "mean": [0.5], "std": [0.5], "crop": 7}
    completed, found = complete_config(config)
    assert found == []
    assert completed["input"]["crop"] == 224
    assert input_config(completed, "net") == {
        "mode": "2D", "dataset": None, "preset": None, "resize": 256, "interpolation": "bilinear", "channels": 1,
        "mask_values": None, "mean": [0.5], "value_range": None, "window": None, "transform": None, "order": "rgb",
        "fit": "crop", "pad_value": 0, "std": [0.5], "crop": 7
    }  # fmt: skip


def test_manifest_is_checked_with_the_config(config):
    assert problems(config, {"manifest": "gone.csv"}) == [
        "gone.csv: cannot be read as a table: No such file or directory"
    ]
    Path("m.csv").write_text("id,path\na,gone.png\n")
    assert problems(config, {"targets": ["label"]}) == ["m.csv: column 'label' is missing; the header has: id, path"]
    assert problems(config) == ["m.csv: line 2, column path: there is no file 'gone.png'"]
    assert problems(config, {"on_error": "skip"}) == []


def test_manifest_in_a_package_that_is_not_installed_is_reported(config):
    name = "package://no_such_package/m.csv"
    expected = f"manifest: the Python package 'no_such_package' of '{name}' is not installed"
    assert problems(config, {"manifest": name}) == [expected]


def test_without_check_no_file_is_looked_at(config):
    config["manifest"] = "gone.csv"
    config["models"]["net"] |= {"weights": "gone.pth", "factory": "no_such_package:x"}
    assert complete_config(config, check=False)[1] == []
    config["threads"] = 0
    assert complete_config(config, check=False)[1] == ["config: threads: 0 is less than the minimum of 1"]


def test_numbers_are_text_where_a_text_is_asked_for(config):
    Path("m.csv").write_text("id,path,label,fold\n101,m.csv,0,0\n2.5,m.csv,1,1\n")
    changes = {"experiment": 2024, "plots": {"samples": [101, 2.5]}, "audit": {"where": {"fold": 0}, "columns": []}}
    completed, found = complete_config(config | changes)
    assert found == []
    assert (completed["experiment"], completed["plots"]["samples"]) == ("2024", ["101", "2.5"])
    assert completed["audit"]["where"] == {"fold": "0"}
    assert completed["shard_size"] == 256
    models = {50: {"factory": "torch.nn:Linear", "class_names": [7, "8"]}}
    completed, found = complete_config(config | {"models": models, "audit": {"where": {"fold": [0, 1]}}})
    assert (found, completed["models"]["50"]["class_names"]) == ([], ["7", "8"])
    assert completed["audit"]["where"] == {"fold": ["0", "1"]}


def test_yes_and_no_are_no_names(config):
    (found,) = problems(config, class_names=[True, False])
    assert found.startswith("config: models.net.class_names: [True, False] does not fit: ")


def test_command_line_means_what_it_says(config):
    given_there = {
        "targets": ["predicted", "1"], "audit": "null", "reduced_precision": "null", "plots": {"count": "3"},
        "input": {"crop": ["20", "30"], "resize": "null", "mean": ["0.5"], "std": ["0.25"]},
        "models": {"net": {"kwargs": {"bias": "false", "sizes": ["1", "2"]}, "weights": "null"}},
    }  # fmt: skip
    merged = copy.deepcopy(config | {key: given_there[key] for key in given_there if key != "models"})
    merged["models"]["net"] |= given_there["models"]["net"]
    completed, found = complete_config(merged, command_line=given_there)
    assert found == []
    assert [completed[key] for key in ("targets", "audit", "reduced_precision")] == [["predicted", 1], None, None]
    assert completed["plots"]["count"] == 3
    assert [completed["input"][key] for key in ("crop", "resize", "mean", "std")] == [[20, 30], None, [0.5], [0.25]]
    net = completed["models"]["net"]
    assert (net["kwargs"], net["weights"]) == ({"bias": False, "sizes": [1, 2]}, None)
    # In a file, quotation marks mean a text.
    assert complete_config(merged)[1] != []
    # Another workflow that uses this one as a module has the config in a section, and keys of its own.
    others = {"saliency": given_there, "samples": "1", "threads": {"of": "another"}}
    assert complete_config(merged, command_line=others) == (completed, [])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([*WORDS, "os:x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner),
    max_leaves=8,
)
CONFIGS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3) | st.integers(), VALUES)
MODELS = st.fixed_dictionaries(
    {"factory": st.from_regex(FACTORY) | VALUES},
    optional={
        "kwargs": st.dictionaries(st.text(max_size=3) | st.integers(), VALUES, max_size=2),
        "weights": st.text(max_size=5),
        "class_names": st.text(max_size=5) | st.lists(st.text(max_size=2), max_size=2),
        "input": st.dictionaries(st.sampled_from(["crop", "resize", "channels", "mean"]), VALUES, max_size=2),
    },
)


@settings(max_examples=200, deadline=None)
@given(changes=CONFIGS, model=MODELS)
def test_any_config_is_reported_and_left_alone(changes, model):
    config = {"experiment": "e", "manifest": "gone.csv", "models": {"net": model}, **changes}
    before = copy.deepcopy(config)
    _, found = complete_config(config)
    assert found  # the manifest is not there, if nothing else
    assert all(isinstance(line, str) for line in found)
    assert config == before


@pytest.mark.parametrize(
    ("changes", "model", "expected"),
    [
        ({}, {"outputs": "probabilities", "ignore_lastlayer": True},
         "models.net: outputs: probabilities, but ignore_lastlayer takes the scores before them: set outputs: logits"),
        ({"targets": ["label"]}, {"outputs": "multilabel"},
         "targets: label is one class of each sample, but models.net has outputs: multilabel: use {each: label}"),
        ({"targets": [{"each": "label"}]}, {},
         "targets: each: label is for models with outputs: multilabel: use label"),
        ({"region": "mask"}, {"outputs": "multilabel"},
         "region: mask is for a score per pixel or voxel, but models.net has outputs: multilabel, one for each sample"),
        ({}, {"outputs": "multilabel", "train": {}},
         "models.net.train: learns one class of each sample, but models.net has outputs: multilabel: give weights "
         "instead"),
    ],
)  # fmt: skip
def test_outputs_that_contradict_what_is_asked(config, changes, model, expected):
    Path("m.csv").write_text("id,path,label,mask,split\na,m.csv,0,m.csv,train\n")
    assert problems(config, changes, **model) == [f"config: {expected}"]


def test_real_values_have_no_classes(config):
    what = "but models.net has outputs: regression"
    assert problems(config, {"targets": ["predicted", {"each": "label"}]}, outputs="regression") == [
        f"config: targets: predicted, each: label: is a class, {what}: give indices of values, such as [0]",
        f"config: audit: is about classes, {what}: set audit: null",
        f"config: plots.contact_sheets: misclassified, least_confident: is about classes, {what}: set it to [first, "
        "random]",
    ]
    settings = {"targets": [0], "audit": None, "plots": {"contact_sheets": ["first", "random"]}}
    assert problems(config, settings, outputs="regression") == []


def test_models_of_one_experiment_need_labels_of_one_kind(config):
    config["models"]["other"] = {"factory": "torch.nn:Linear", "outputs": "multilabel"}
    (found,) = problems(config)
    assert found == (
        "config: models: their outputs need labels of different kinds (models.net has logits, models.other has "
        "multilabel): make an experiment of each"
    )


@pytest.mark.parametrize(
    ("outputs", "labels", "wrong"),
    [
        ("logits", ["0", "", "12", "-1", "3.0"], ["1;2", "?", "-2", "0.5"]),
        ("multilabel", ["0", "", "1;4", "?"], ["1;", ";", "a", "1,4", "0.5", "1;?"]),
        ("regression", ["0", "", "-1.5", "1e-3", ".5;2.", "+3"], ["?", "a", "1;", "nan", "1..2", "--1"]),
    ],
)
def test_labels_of_each_kind(config, outputs, labels, wrong):
    rows = [f'{place},m.csv,"{label}"' for place, label in enumerate([*labels, *wrong])]
    Path("m.csv").write_text("\n".join(["id,path,label", *rows]) + "\n")
    settings = {"targets": [0], "audit": None, "plots": {"contact_sheets": []}}
    found = problems(config, settings, outputs=outputs)
    assert [line.partition(" is not ")[0] for line in found] == [
        f"m.csv: line {place + 2}, column label: {label!r}" for place, label in enumerate(wrong, start=len(labels))
    ]


def test_each_label_asks_for_a_label_with_a_class(config):
    Path("m.csv").write_text("id,path,label\na,m.csv,\nb,m.csv,?\n")
    (found,) = problems(config, {"targets": [{"each": "label"}]}, outputs="multilabel")
    assert found == "m.csv: no label has a class, but targets asks for each of them"


@pytest.mark.parametrize(
    ("outputs", "column"),
    [("multilabel", "probabilities"), ("multilabel", "predicted_classes"), ("regression", "error")],
)
def test_columns_that_predictions_have_of_their_own(config, outputs, column):
    Path("m.csv").write_text(f"id,path,{column}\na,m.csv,x\n")
    assert problems(config) == []
    settings = {"targets": [0], "audit": None, "plots": {"contact_sheets": []}}
    expected = f"m.csv: column '{column}' is one that predictions.csv adds: rename it"
    assert problems(config, settings, outputs=outputs) == [expected]
