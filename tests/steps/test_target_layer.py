"""Target layers of a config: transformers whose grid it states, and layers that tell no place from another."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from saliency.exceptions import DataError
from saliency.steps.explain import explain_shard
from saliency.steps.fused import fused
from tests.helpers.shards import run_steps
from tests.helpers.token_networks import convolutions

TOKENS = {
    "factory": "tests.helpers.token_networks:TokenNetwork",
    "kwargs": {"shape": [3, 32, 32], "patch": [4, 8], "prefix": 3},
}
INPUT = {"resize": None, "crop": 32}


@pytest.mark.filterwarnings("ignore:the model has no ReLU")
@pytest.mark.parametrize("tokens", [None, {"grid": [8, 4], "prefix": 3}])
def test_maps_of_a_transformer(job, tmp_path, tokens):
    settings = {"models": {"tiny": TOKENS | {"tokens": tokens}}, "input": INPUT, "shard_size": 5, "batch_size": 2}
    made = job(**settings)
    fused(made)
    described = json.loads((tmp_path / "target_layer.json").read_text())
    assert (described["target_layer"], described["layout"]) == (
        "blocks.2.norm1",
        {"axes": "tokens", "grid": [8, 4], "prefix": 3},
    )
    assert made.read("predicted/gradcam").shape == (5, 8, 4)
    assert made.read("predicted/guided_gradcam").shape == (5, 3, 32, 32)


class Pooled(nn.Module):
    """A layer that spreads what global pooling left over all places, as the pooling branch of DeepLab does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.pool = convolutions(3, 8, 16), nn.AdaptiveAvgPool2d(1)
        self.spread, self.head = nn.Upsample(size=(4, 4)), nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.spread(self.pool(self.body(x))).mean((2, 3)))


@pytest.mark.parametrize("make", [fused, run_steps])
def test_maps_with_one_value_everywhere_are_refused(job, make):
    model = {"factory": "tests.steps.test_target_layer:Pooled", "target_layer": "spread"}
    # The class with a positive score has a map that is not zero.
    made = job(models={"tiny": model}, targets=["predicted"], shard_size=5, batch_size=2)
    message = (
        "^models.tiny: each of 5 maps of predicted/gradcam has the same value everywhere: the output of layer 'spread'"
    )
    with pytest.raises(DataError, match=message):
        make(made)
    assert not made.files["predicted/gradcam"].exists()


def test_maps_of_fewer_samples_may_have_one_value(job):
    model = {"factory": "tests.steps.test_target_layer:Pooled", "target_layer": "spread"}
    made = job(models={"tiny": model}, targets=["predicted"], shard_size=3, batch_size=2)
    fused(made)
    maps = made.read("predicted/gradcam")
    assert maps.any()
    assert (np.ptp(maps.reshape(len(maps), -1), axis=1) < 1e-6).all()
    explain_shard(made, "gradcam", "predicted")


class Rectified(nn.Module):
    """A ReLU between the target layer and the pooling, in front of which CAM is not defined."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

    def forward(self, x):
        return self.head(self.body(x).relu().mean((2, 3)))


def test_a_method_that_does_not_fit_the_network_is_one_line(job):
    model = {"factory": "tests.steps.test_target_layer:Rectified", "target_layer": "body"}
    words = r"^models.tiny: for an input of shape \[1, 3, 30, 30\]: CAM needs a network whose scores are .*Relu"
    # When the network is described, before any sample is read.
    with pytest.raises(DataError, match=words):
        job(models={"tiny": model}, targets=["predicted"], methods=["gradcam", "cam"])


def test_two_target_layers(job, tmp_path):
    """The fused job and the steps store the same maps, on the grid of the finer layer."""
    model = {"factory": "tests.methods.test_feature_maps:small_network", "kwargs": {"ndim": 2}}
    chosen = {"targets": ["predicted"], "methods": ["gradcam", "layercam"], "shard_size": 5, "batch_size": 2}
    made = job(models={"tiny": model | {"target_layer": ["0.0", "0.2"]}}, **chosen)
    fused(made)
    described = json.loads((tmp_path / "target_layer.json").read_text())
    assert described["target_layer"] == ["0.0", "0.2"]
    assert [layout["axes"] for layout in described["layout"]] == ["channels first"] * 2
    maps = {name: made.read(f"predicted/{name}") for name in chosen["methods"]}
    run_steps(made)
    for name, found in maps.items():
        np.testing.assert_array_equal(made.read(f"predicted/{name}"), found)
    alone = job(folder="alone", models={"tiny": model | {"target_layer": "0.0"}}, **chosen)
    fused(alone)
    assert alone.read("predicted/gradcam").shape == maps["gradcam"].shape
    assert not np.array_equal(alone.read("predicted/gradcam"), maps["gradcam"])
