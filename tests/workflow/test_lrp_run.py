"""Runs with layer-wise relevance propagation: maps are the library's, and what has no rule ends a run early."""

import numpy as np
import pytest
import torch
import zarr

from saliency import LRP
from saliency.networks.load import load_model
from tests.helpers.workflow_project import Project

pytestmark = pytest.mark.slow

NETWORK = """
from torch import nn


class Network(nn.Sequential):
    def __init__(self):
        body = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()
        super().__init__(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
"""


def test_steps_and_fused_store_what_the_library_returns(tmp_path, monkeypatch):
    pytest.importorskip("zennit", reason="the extra 'lrp' brings it")
    steps = Project.create(tmp_path / "steps")
    (steps.folder / "own_network.py").write_text(NETWORK)
    fused = steps.copy(tmp_path / "fused")
    bounds = {"low": [-2.12, -2.04, -1.81], "high": [2.25, 2.43, 2.64]}
    settings = {"lrp": {"composite": "epsilon_gamma_box", "gamma": 0.5, **bounds}}
    for project, changes in ((steps, {}), (fused, {"execution": "fused"})):
        models = {"tiny": {"factory": "own_network:Network"}}
        project.write_config(models=models, methods=["lrp"], method_settings=settings, shard_size=5, **changes)
        project.run()
    assert steps.digests() == fused.digests()
    monkeypatch.chdir(steps.folder)
    monkeypatch.syspath_prepend(str(steps.folder))
    network = load_model("own_network:Network", {}, None)
    group = zarr.open_group(steps.store, mode="r")
    mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x = torch.from_numpy((group["inputs"][...] - mean) / std).float()
    classes = torch.from_numpy(group["predicted/class"][...]).long()
    expected = LRP(network, **settings["lrp"])(x, classes)[1].numpy()
    found = group["predicted/lrp"][...]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert (steps.results / "tiny/figures/predicted/samples/s0.png").is_file()
    assert "Nothing to be done" in steps.run()


def test_a_network_without_rules_ends_a_run_before_its_maps(tmp_path):
    pytest.importorskip("zennit", reason="the extra 'lrp' brings it")
    project = Project.create(tmp_path / "project")
    project.write_config(methods=["lrp"])
    said = project.run("--keep-going", fails=True)
    assert "lrp has no rule for the step Mean in the network (Network): pool with a module such as" in said
    assert not list(project.results.glob("tiny.zarr/predicted/*"))
