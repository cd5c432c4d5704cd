"""Networks whose results rest on chance or on other samples, refused or named before a run begins."""

import json
import logging

import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional

from saliency.exceptions import DataError
from saliency.experiment.validation import complete_config
from saliency.methods.passes.forward_pass import predict
from saliency.networks.behaviour import Behaviour, observed
from saliency.networks.describe import write_descriptions
from saliency.steps.fused import fused
from tests.helpers.networks import torchvision_model
from tests.helpers.shards import run_steps, stored_shard
from tests.helpers.workflow_project import Project


class Odd(nn.Module):
    """A small classifier in which something happens to the pooled features."""

    def __init__(self, kind="plain"):
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.head = kind, nn.Linear(8, 3)
        norm = nn.BatchNorm2d(8, track_running_stats=kind != "batch statistics")
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), norm, nn.ReLU())

    def forward(self, x):
        x = self.body(x).mean((2, 3))
        if self.kind == "dropout":
            x = functional.dropout(x, 0.3)
        if self.kind == "noise":
            x = x + 0.1 * torch.randn_like(x)
        if self.kind == "largest of the batch":
            x = x / x.abs().max()
        if self.kind == "one sample":
            x = x.view(8).unsqueeze(0)
        return self.head(x)


class OfAge(Odd):
    def forward(self, image, age):
        return super().forward(image) * age


class Frozen(Odd):
    def forward(self, x):
        with torch.no_grad():
            x = self.body(x)
        return self.head(x.mean((2, 3)).detach())


def network(kind):
    model = Odd(kind).eval()
    return lambda x: predict(model, x)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("plain", Behaviour(random=False, mixes_samples=False)),
        ("dropout", Behaviour(random=True, mixes_samples=False)),
        ("noise", Behaviour(random=True, mixes_samples=False)),
        ("batch statistics", Behaviour(random=False, mixes_samples=True)),
        ("largest of the batch", Behaviour(random=False, mixes_samples=True)),
    ],
)
def test_what_two_passes_show(kind, expected):
    run = network(kind)
    state = torch.random.get_rng_state()
    assert observed(run, torch.zeros(1, 3, 16, 16), 8) == expected
    assert torch.equal(torch.random.get_rng_state(), state)


def test_in_batches_of_one_no_sample_is_beside_another():
    for kind in ("largest of the batch", "batch statistics"):
        assert observed(network(kind), torch.zeros(1, 3, 16, 16), 1) == Behaviour(random=False, mixes_samples=False)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "shufflenet_v2_x0_5"])
def test_rounding_is_no_finding(name):
    model = torchvision_model(name)
    found = observed(lambda x: predict(model, x), torch.zeros(1, 3, 64, 64), 8)
    assert found == Behaviour(random=False, mixes_samples=False)


@pytest.fixture
def describe(tmp_path, monkeypatch):
    """Describes a network of some kind as a run does, and returns what ``model.json`` holds, and the config."""
    project = Project.create(tmp_path)
    monkeypatch.chdir(tmp_path)

    def of(kind, batch_size=2, factory="Odd", **settings):
        model = {"factory": f"tests.networks.test_behaviour:{factory}", "kwargs": {"kind": kind}, **settings}
        project.write_config(models={"tiny": model}, batch_size=batch_size, targets=["predicted"])
        config, problems = complete_config(yaml.safe_load((tmp_path / "config.yaml").read_text()))
        assert problems == []
        write_descriptions(config, "tiny", {"model": "model.json", "target_layer": "target_layer.json"})
        return json.loads((tmp_path / "model.json").read_text()), config

    return of


def test_describing_takes_the_threads_of_the_config(describe):
    """Several models are described at the same time, and two threads on a core that is busy wait for each other."""
    torch.set_num_threads(3)
    describe("plain")
    assert torch.get_num_threads() == 1


def test_ordinary_network_is_described_as_ever(describe):
    assert "random" not in describe("plain")[0]


def test_statistics_of_the_batch_are_refused_with_their_layer(describe):
    with pytest.raises(
        DataError,
        match=r"^models.tiny: the scores of a sample change with the samples beside it "
        r"\('body.1': track_running_stats=False\): set batch_size: 1",
    ):
        describe("batch statistics")
    with pytest.raises(DataError, match="beside it: set batch_size: 1"):
        describe("largest of the batch")
    assert describe("largest of the batch", batch_size=1)[0]["classes"] == 3


def test_network_for_one_sample_needs_batches_of_one(describe):
    with pytest.raises(
        DataError, match=r"^models.tiny: the network runs on one sample, but not on two \(.*batch_size: 1"
    ):
        describe("one sample")
    assert describe("one sample", batch_size=1)[0]["classes"] == 3


def test_random_network_is_refused_unless_the_config_allows_it(describe, caplog):
    with pytest.raises(DataError, match=r"^models.tiny: the network is random in eval mode.* models.tiny.allow_random"):
        describe("dropout")
    with caplog.at_level(logging.WARNING):
        assert describe("dropout", allow_random=True)[0]["random"] is True
    assert "random in eval mode: its predictions and maps are those of one draw" in caplog.text


def test_allowed_draws_are_the_same_in_each_step_and_run(describe, tmp_path):
    _, config = describe("dropout", allow_random=True)
    shards = [stored_shard(config, "tiny", 0, tmp_path / name, ["model.json", "target_layer.json"]) for name in "ab"]
    run_steps(shards[0])
    torch.manual_seed(5)
    fused(shards[1])
    for name in shards[0].plan.arrays:
        assert shards[0].files[name].read_bytes() == shards[1].files[name].read_bytes(), name
    logits = shards[0].read("logits")
    assert len({tuple(row) for row in logits.round(4).tolist()}) > 1


def test_a_second_input_and_a_cut_gradient_are_one_line_of_the_run(describe):
    with pytest.raises(
        DataError,
        match=r"^models.tiny: for an input of shape .*: the network's forward needs age besides the image: write",
    ):
        describe("plain", factory="OfAge")
    with pytest.raises(
        DataError, match=r"^models.tiny: .* runs 'body' without gradients .* no other target_layer helps"
    ):
        describe("plain", factory="Frozen", target_layer="body")
