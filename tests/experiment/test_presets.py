"""Presets of torchvision and timm as keys of ``input``, against their own transforms."""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency.experiment import presets
from saliency.experiment.config import input_config
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.readers.images import read_image
from saliency.readers.normalisation import normalised
from saliency.readers.preset import preset_sources
from saliency.readers.samples import preprocessing_of

PHOTOGRAPHS = ["coffee.png", "astronaut.png", "rocket.jpg"]
RESNET = "torchvision:ResNet50_Weights.IMAGENET1K_V2"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m.csv").write_text("id,path\na,package://skimage/data/coffee.png\n")
    network = {"factory": "torchvision.models:resnet50"}
    return {"experiment": "e", "manifest": "m.csv", "input": {"preset": RESNET}, "models": {"net": network}}


def differences(preset, transform):
    """Largest difference of what a network sees of photographs and of ones that stand upright."""
    import skimage

    config = {"input": {"preset": preset}, "models": {}}
    assert presets.fill_presets(config, keep=False) == []
    settings = {"mode": "2D", **config["input"]}
    for name in PHOTOGRAPHS:
        path = Path(skimage.__file__).parent / "data" / name
        seen = normalised(read_image(path, preprocessing_of(settings))[None], settings["mean"], settings["std"])[0]
        with Image.open(path) as image:
            expected = transform(image.convert("RGB")).numpy()
        assert seen.shape == expected.shape
        yield float(np.abs(seen - expected).max())


@pytest.mark.parametrize("name", ["ResNet50_Weights.IMAGENET1K_V2", "EfficientNet_B0_Weights.IMAGENET1K_V1",
                                  "ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1", "Swin_T_Weights.DEFAULT"])  # fmt: skip
def test_network_sees_what_torchvision_would_show_it(name):
    from torchvision.models import get_weight

    assert max(differences(f"torchvision:{name}", get_weight(name).transforms())) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_base_patch16_224.augreg_in21k", "resnet50", "beitv2_base_patch16_224",
                                  "vit_base_patch16_clip_384.openai_ft_in12k_in1k"])  # fmt: skip
def test_network_sees_what_timm_would_show_it(name):
    from timm.data import create_transform, resolve_data_config
    from timm.models import get_pretrained_cfg

    transform = create_transform(**resolve_data_config(pretrained_cfg=get_pretrained_cfg(name).to_dict()))
    assert max(differences(f"timm:{name}", transform)) < 1e-5


def test_every_preset_of_torchvision_is_read_or_refused():
    import torchvision.models
    from torchvision.models import get_model_weights, list_models
    from torchvision.transforms._presets import ImageClassification

    for model in list_models(module=torchvision.models):
        for weights in get_model_weights(model):
            transform = weights.transforms()
            assert isinstance(transform, ImageClassification)
            keys = preset_sources()["torchvision"].keys(str(weights))
            assert (keys["resize"], keys["crop"]) == (transform.resize_size[0], transform.crop_size[0])


def test_numbers_stand_in_the_config_and_keys_beside_the_preset_win(config):
    completed, problems = complete_config(config)
    assert problems == []
    # As torchvision documents these weights.
    numbers = {"resize": 232, "crop": 224, "interpolation": "bilinear", "mean": [0.485, 0.456, 0.406]}
    assert {key: completed["input"][key] for key in numbers} == numbers
    config["input"]["crop"] = 200
    assert complete_config(config)[0]["input"]["crop"] == 200
    config["models"]["net"]["input"] = {"preset": "torchvision:ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1"}
    assert input_config(complete_config(config)[0], "net")["crop"] == 384


def test_results_depend_on_the_numbers_and_not_on_the_name(config):
    completed, _ = complete_config(config)
    written = copy.deepcopy(config)
    written["input"] = {key: completed["input"][key] for key in ("resize", "crop", "interpolation", "mean", "std")}
    first, second = (Digests(Plan(complete_config(one)[0])).of("prepare", "net", 0) for one in (config, written))
    assert first == second
    written["input"]["resize"] = 256
    assert Digests(Plan(complete_config(written)[0])).of("prepare", "net", 0) != first


def test_jobs_read_numbers_without_the_package(config, monkeypatch):
    completed, _ = complete_config(config)
    kept = json.loads(Path("results/e/presets.json").read_text())
    assert [name.partition(" ")[0] for name in kept] == [RESNET]
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    assert complete_config(config, check=False)[0] == completed
    # Another version of the package is asked again.
    monkeypatch.setattr(presets, "version", lambda package: "0.0")
    with pytest.raises(ImportError):
        complete_config(config, check=False)


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("torchvision:ResNet50_Weights.V9", "torchvision has no such weights: write them as in torchvision.models"),
        ("torchvision:Raft_Large_Weights.DEFAULT", "its transform is OpticalFlow, which no key says: leave preset out"),
        ("monai:UNet", "is no preset: write timm:NAME or torchvision:NAME"),
    ],
)
def test_what_no_key_says_is_refused_in_one_line(config, preset, words):
    config["input"]["preset"] = preset
    (problem,) = complete_config(config)[1]
    assert problem.startswith(f"config: input.preset: '{preset}': {words}")


def test_volumes_have_no_presets(config):
    config["input"] = {"mode": "3D", "crop": 8, "preset": RESNET}
    assert any("unknown key 'preset'" in problem for problem in complete_config(config)[1])


def automatic(config, **changes):
    """The config with `auto` for a ResNet-50 of torchvision, and changes of its model."""
    model = {"factory": "torchvision.models:resnet50", "kwargs": {"weights": "IMAGENET1K_V2"}} | changes
    return config | {"input": {"preset": "auto"}, "models": {"net": model}}


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"kwargs": {"weights": "ResNet50_Weights.DEFAULT"}},
        {"factory": "torchvision.models.resnet:resnet50"},
        {"factory": "torchvision.models:get_model", "kwargs": {"name": "resnet50", "weights": "IMAGENET1K_V2"}},
    ],
)
def test_auto_is_the_preset_of_the_weights_that_the_factory_is_given(config, model):
    named = config | {"models": automatic(config, **model)["models"]}
    found, problems = complete_config(automatic(config, **model))
    assert problems == []
    assert found == complete_config(named)[0]
    assert found["input"]["preset"] == RESNET
    assert found["input"]["resize"] == 232


def test_auto_is_another_preset_for_each_model(config):
    both = automatic(config)
    both["input"]["crop"] = 200
    # As published: shorter side to 384 and 232, by bicubic and bilinear interpolation.
    other = {"factory": "torchvision.models:vit_b_16", "kwargs": {"weights": "IMAGENET1K_SWAG_E2E_V1"}}
    both["models"]["vit"] = other
    completed, problems = complete_config(both)
    assert problems == []
    seen = [input_config(completed, name) for name in ("net", "vit")]
    assert [(one["resize"], one["interpolation"], one["crop"]) for one in seen] == [
        (232, "bilinear", 200),
        (384, "bicubic", 200),
    ]
    # In YAML, an alias makes one mapping of two.
    alias = {"preset": "auto"}
    models = {name: model | {"input": alias} for name, model in automatic(config)["models"].items()}
    completed, problems = complete_config(config | {"input": {}, "models": {**models, "vit": other | {"input": alias}}})
    assert problems == []
    assert [input_config(completed, name)["resize"] for name in ("net", "vit")] == [232, 384]
    assert complete_config(both | {"models": {"net": {**both["models"]["net"], "input": {"preset": None}}}})[1] == []


def test_jobs_read_what_auto_is_without_the_package(config, monkeypatch):
    completed, _ = complete_config(automatic(config))
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    assert complete_config(automatic(config), check=False)[0] == completed
    # Other weights are another question.
    with pytest.raises(ImportError):
        complete_config(automatic(config, kwargs={"weights": "IMAGENET1K_V1"}), check=False)


CHOICE = "set preset to torchvision:ResNet50_Weights.IMAGENET1K_V1 or torchvision:ResNet50_Weights.IMAGENET1K_V2"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"weights": "w.pt"}, f"the checkpoint does not say how its pictures were prepared: {CHOICE}"),
        ({"kwargs": {}}, f"kwargs give no weights: {CHOICE}"),
        ({"kwargs": {"weights": "V9"}}, f"kwargs.weights: 'V9' is none of ResNet50_Weights: {CHOICE}"),
        ({"factory": "torchvision.models:ResNet"}, "torchvision publishes no weights for 'torchvision.models:ResNet'"),
        ({"factory": "json:loads"}, "'json:loads' is of none of timm, torchvision, which publish presets: set preset"),
    ],
)
def test_auto_that_cannot_be_known_is_refused_in_one_line(config, model, words):
    Path("w.pt").touch()
    (problem,) = complete_config(automatic(config, **model))[1]
    assert problem.startswith(f"config: input.preset: 'auto': models.net: {words}")
    alone = automatic(config, **model) | {"input": {}}
    alone["models"]["net"]["input"] = {"preset": "auto"}
    (problem,) = complete_config(alone)[1]
    assert problem.startswith(f"config: models.net.input.preset: 'auto': {words}")


def timm_model(name, **changes):
    return {"factory": "timm:create_model", "kwargs": {"model_name": name, **changes.pop("kwargs", {})}} | changes


@pytest.mark.slow
def test_auto_is_the_data_config_of_the_model_that_timm_builds(config):
    import timm
    from timm.data import resolve_data_config

    Path("w.pt").touch()
    of_function = {"factory": "timm.models.resnet:resnet50"}
    # Of the last, all tags have one data config, whichever the checkpoint is of.
    for name, model in {
        "resnet50": timm_model("resnet50"),
        "resnet50.tv_in1k": timm_model("resnet50.tv_in1k", weights="w.pt"),
        "resnet50.a1_in1k": of_function,
        "vgg11": timm_model("vgg11", weights="w.pt"),
    }.items():
        completed, problems = complete_config(automatic(config) | {"models": {"net": model}})
        assert problems == []
        expected = resolve_data_config(model=timm.create_model(name))
        assert completed["input"]["preset"].startswith(f"timm:{name}")
        assert tuple(completed["input"]["mean"]) == tuple(expected["mean"])
        assert completed["input"]["crop"] == expected["input_size"][1]
        assert completed["input"]["resize"] == int(expected["input_size"][1] / expected["crop_pct"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (timm_model("resnet50", weights="w.pt"), "the checkpoint does not say how its pictures were prepared, and timm "
         "has several ways for 'resnet50': set preset to timm:resnet50.a1_in1k or timm:resnet50.a1h_in1k or "),
        (timm_model("resnet50", kwargs={"checkpoint_path": "w.pt"}), "the checkpoint does not say"),
        (timm_model("resnet50", kwargs={"pretrained_cfg": "tv_in1k"}), "kwargs.pretrained_cfg replaces the data"),
        (timm_model("resnet50.none"), "timm publishes no weights for 'resnet50.none': leave preset out"),
        (timm_model("resnet51"), "timm has no model 'resnet51' with a data config: leave preset out"),
    ],
)  # fmt: skip
def test_auto_of_timm_that_cannot_be_known_is_refused_in_one_line(config, model, words):
    Path("w.pt").touch()
    (problem,) = complete_config(automatic(config) | {"models": {"net": model}})[1]
    assert problem.startswith(f"config: input.preset: 'auto': models.net: {words}")
