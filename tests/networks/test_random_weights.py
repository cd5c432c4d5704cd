"""Two builds of a factory tell whether its weights are drawn at random."""

import json
import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from saliency.experiment.cautions import cautions
from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from saliency.networks.load import configured_model
from tests.helpers.networks import Pooled
from tests.helpers.workflow_project import Project

WEIGHTS = "weights.pt"


def network_with_batch_norm() -> nn.Module:
    """Scale and offset of the normalisation are no random numbers."""
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))


def network_that_loads() -> nn.Module:
    """A factory that gives its weights itself."""
    network = Pooled()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    return network


def new_head() -> nn.Module:
    network = network_that_loads()
    network.head.reset_parameters()
    return network


@pytest.fixture
def described(tmp_path, monkeypatch):
    project = Project.create(tmp_path)
    monkeypatch.chdir(tmp_path)

    def build(factory, **settings):
        project.write_config(models={"tiny": {"factory": f"tests.networks.test_random_weights:{factory}", **settings}})
        config, problems = complete_config(project.config)
        assert problems == []
        write_descriptions(config, "tiny", {"model": "model.json"})
        return config, json.loads(Path("model.json").read_text())

    return build


@pytest.mark.parametrize(
    ("factory", "differ", "tensors"),
    [("network_with_batch_norm", 4, 6), ("network_that_loads", 0, 6), ("new_head", 2, 6)],
)
def test_parameters_that_two_builds_do_not_have_alike(described, factory, differ, tensors, caplog):
    with caplog.at_level(logging.WARNING):
        config, found = described(factory)
    assert found["random_weights"] == {"differ": differ, "tensors": tensors}
    said = f"models.tiny: its weights are random: {differ} of {tensors} parameter tensors differ"
    assert (said in caplog.text) == (differ > 0)
    (caution,) = cautions(config)
    assert caution.startswith("models.tiny: has no weights in the config: if tests.networks.test_random_weights:")
    assert caution.endswith("loads none, its maps are those of a random network; set models.tiny.weights")


def test_weights_of_the_config_are_not_compared(described, tmp_path):
    torch.save(new_head().state_dict(), tmp_path / WEIGHTS)
    config, found = described("new_head", weights=WEIGHTS)
    assert "random_weights" not in found
    assert cautions(config) == []


def test_the_second_build_changes_neither_the_network_nor_the_random_numbers(described):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    config, _ = described("new_head")
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(configured_model(config, "tiny").head.weight, configured_model(config, "tiny").head.weight)
