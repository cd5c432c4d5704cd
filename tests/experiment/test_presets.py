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
