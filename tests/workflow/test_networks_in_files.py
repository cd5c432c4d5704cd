"""Runs of networks in a file: predictions and maps are those of the networks of torch that the files were made from."""

import warnings

import numpy as np
import pytest
import torch
import zarr

from saliency.networks.load import load_model
from tests.helpers.workflow_project import Project, file_digests

pytestmark = pytest.mark.slow

FILES = {"onnx": "onnx:tiny.onnx", "script": "torchscript:tiny.pt"}


def write_files(project, monkeypatch, seed=0):
    """Weights, and an ONNX and a TorchScript file of the network with them."""
    monkeypatch.chdir(project.folder)
    monkeypatch.syspath_prepend(str(project.folder))
    network = load_model("tiny_network:Network", {}, None)
    torch.manual_seed(seed)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    torch.save(network.state_dict(), "tiny_weights.pt")
    x, axes = torch.randn(2, 3, 30, 30), {"image": {0: "n"}, "scores": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"input_names": ["image"], "output_names": ["scores"]}
        torch.onnx.export(network, x, "tiny.onnx", dynamo=False, dynamic_axes=axes, **names)
        torch.jit.save(torch.jit.trace(network, x), "tiny.pt")


def configure(project, methods, **changes):
    models = {name: {"factory": factory, "trust_checkpoint": name == "script"} for name, factory in FILES.items()}
    models["plain"] = {"factory": "tiny_network:Network", "weights": "tiny_weights.pt"}
    settings = {"occlusion": {"window": 0.4, "stride": 0.3}, "rise": {"masks": 20}}
    project.write_config(models=models, methods=methods, method_settings=settings, shard_size=5, plots={}, **changes)


def test_runs_equal_that_of_the_network(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' brings it")
    steps = Project.create(tmp_path / "steps")
    write_files(steps, monkeypatch)
    fused = steps.copy(tmp_path / "fused")
    configure(steps, ["occlusion", "rise"])
    configure(fused, ["occlusion", "rise"], execution="fused")
    assert "has no weights in the config" not in steps.run()
    fused.run()
    expected = zarr.open_group(steps.results / "plain.zarr", mode="r")
    for name in FILES:
        store = steps.results / f"{name}.zarr"
        assert file_digests(store) == file_digests(fused.results / f"{name}.zarr")
        found = zarr.open_group(store, mode="r")
        np.testing.assert_array_equal(found["predicted/class"][...], expected["predicted/class"][...])
        for path in ("logits", "predicted/occlusion", "predicted/rise"):
            wanted = expected[path][...]
            np.testing.assert_allclose(found[path][...], wanted, rtol=0, atol=1e-5 * np.abs(wanted).max(), err_msg=path)
    assert not steps.planned()
    # Another network in a file of the same name.
    write_files(steps, monkeypatch, seed=1)
    again = {job for job in steps.planned() if "Predict shard" in job}
    assert again == {f"Predict shard 0 with {name}" for name in (*FILES, "plain")}


def test_what_a_file_cannot_do_ends_a_run_before_its_first_job(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' brings it")
    project = Project.create(tmp_path / "project")
    write_files(project, monkeypatch)
    configure(project, ["gradcam", "rise"])
    said = project.run(fails=True)
    line = "models.onnx: gradcam cannot be made, since an ONNX file gives scores, but no gradients: choose occlusion or"
    assert line in said
    assert "Job" not in said
    assert not project.results.exists()
