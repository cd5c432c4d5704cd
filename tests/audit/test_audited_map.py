"""``audit.map`` chooses the maps that are measured: values from the stored maps by hand, and what is planned again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
import zarr
from PIL import Image

from saliency import open_maps
from saliency.audit.files import write_mean_maps
from saliency.audit.grid_files import read_grids
from saliency.audit.measure import measure
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.methods.upsampling import upsample
from tests.helpers.shards import fused_store, stored_shard
from tests.helpers.workflow_project import Project

METHODS = ["gradcam", "layercam", "guided_gradcam"]


def configured(chosen, methods=METHODS, **changes):
    config = yaml.safe_load(Path("config.yaml").read_text())
    return complete_config(config | {"methods": methods, "audit": {"map": chosen}, "report": {}} | changes)


@pytest.fixture
def project(tmp_path, monkeypatch):
    project = Project.create(tmp_path, shard_size=5)
    mask = np.zeros((40, 48), dtype=np.uint8)
    mask[10:30, 8:20] = 1
    Image.fromarray(mask).save(project.folder / "data" / "mask.png")
    table = pd.read_csv(project.manifest, dtype=str, keep_default_na=False)
    table.assign(mask="mask.png").to_csv(project.manifest, index=False)
    monkeypatch.chdir(tmp_path)
    return project


def strength(chosen, stored):
    """What a map is at each of 30 x 30 pixels."""
    if chosen == "layercam":
        return upsample(torch.from_numpy(stored), (30, 30))[:, 0].numpy()
    return np.abs(stored).sum(axis=1)


@pytest.mark.parametrize("chosen", ["layercam", "guided_gradcam"])
def test_measures_are_those_of_the_chosen_map(project, tmp_path, chosen):
    config, problems = configured(chosen)
    assert problems == []
    descriptions = fused_store(config, "tiny", tmp_path / "store", tmp_path)
    job = stored_shard(config, "tiny", 0, tmp_path / "store", descriptions)
    measure(job, tmp_path / "0.parquet", tmp_path / "0.npz")
    table = pd.read_parquet(tmp_path / "0.parquet")
    stored = job.read(f"predicted/{chosen}")
    maps = strength(chosen, stored).astype(float)
    # 40 x 48 pixels are resized to 32 x 38 and cropped to the middle 30 x 30.
    mask = np.asarray(Image.open("data/mask.png").resize((38, 32), Image.Resampling.NEAREST))[1:31, 4:34] > 0
    shares = maps / maps.sum(axis=(1, 2), keepdims=True)
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(table["energy_in_mask"], shares[:, mask].sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(table["centroid_y"], shares.sum(axis=2) @ np.arange(0.5, 30) / 30, rtol=1e-5)
    # Blocks of the grid weigh the same, so that their mean is the map's.
    (pooled,) = read_grids([tmp_path / "0.npz"], "predicted")
    native = stored if chosen == "layercam" else np.abs(stored).sum(axis=1)
    np.testing.assert_allclose(pooled.mean((1, 2)), native.mean((1, 2)), rtol=1e-5)

    files = {name: [tmp_path / "store" / f"predicted/{name}/c.0.{zeros}"]
             for name, zeros in (("layercam", "0.0"), ("guided_gradcam", "0.0.0"))}  # fmt: skip
    shards = {"class": [tmp_path / "store" / "predicted/class/c.0"], "maps": files[chosen]}
    write_mean_maps(config, "tiny", "predicted", shards, descriptions, tmp_path / "means")
    means = zarr.open_group(tmp_path / "means", mode="r")
    classes, index = job.read("predicted/class"), int(means["id"][:][0])
    expected = (native / native.sum(axis=(1, 2), keepdims=True))[classes == index].mean(axis=0)
    found = means["mean"][0]
    if chosen == "guided_gradcam":
        # Of 30 pixels, 24 cells: each pixel in four parts along each axis, of which five make a cell.
        expected = np.kron(expected, np.ones((4, 4))).reshape(24, 5, 24, 5).mean(axis=(1, 3)) * (30 / 24) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_no_method_on_the_target_layer_is_needed(project):
    config, problems = configured("gradient", ["gradient", "rise"])
    assert problems == []
    assert Plan(config).audited
    assert Plan(config).measured == ["gradient", "rise"]
    assert not Plan(configured(None, ["gradient", "rise"])[0]).audited


def test_what_cannot_be_chosen_is_said(project):
    assert configured("layercm")[1] == ["config: audit.map: there is no method 'layercm'; did you mean 'layercam'?"]
    assert configured("rise")[1] == [
        "config: audit.map: the run does not make maps of 'rise': add it to methods, or name guided_backprop or "
        "gradcam or layercam or guided_gradcam"
    ]
    assert configured(["gradcam"])[1] == ["config: audit.map: ['gradcam'] does not fit: a method's name, or null"]


def test_another_map_plans_the_audit_anew_and_no_map(project):
    def digests(chosen):
        found = Digests(Plan(configured(chosen)[0]))
        shards = {step: found.of(step, "tiny", 0, target) for step, target in
                  [("prepare", None), ("predict", None), ("fused", None), ("sprites", None), ("measure", None),
                   *((name, "predicted") for name in METHODS)]}  # fmt: skip
        models = {step: found.of(step, "tiny", None, "predicted") for step in
                  ("plot", "zarr_metadata", "mean_maps", "metrics", "audit", "findings", "model_data")}  # fmt: skip
        return shards | models | {"report_page": found.of("report_page")}

    usual, other = digests(None), digests("layercam")
    assert digests("gradcam") == usual
    again = {"measure", "mean_maps", "metrics", "audit", "findings", "model_data", "report_page"}
    assert {step for step in usual if usual[step] != other[step]} == again


@pytest.mark.slow
def test_a_run_with_another_map(project):
    changes = {"methods": METHODS, "report": {}, "shard_size": 5, "execution": "fused"}
    unneeded = dict.fromkeys(("transfer", "degradation"))
    project.write_config(audit=unneeded, **changes)
    project.run()
    project.write_config(audit={"map": "guided_gradcam"} | unneeded, **changes)
    assert sorted(" ".join(message.split()[:3]) for message in project.planned()) == [
        "Audit the maps", "Average the maps", "Look for findings", "Measure the maps", "Record the provenance",
        "Tabulate the measures", "Write the report's", "Write the report's",
    ]  # fmt: skip
    project.run()
    maps = open_maps(project.store)
    values = np.abs(np.asarray(maps.array("guided_gradcam", "predicted"))).sum(axis=1)
    shares = values / values.sum(axis=(1, 2), keepdims=True)
    table = pd.read_csv(project.results / "tiny" / "metrics.csv")
    np.testing.assert_allclose(table["centroid_x"], shares.sum(axis=1) @ np.arange(0.5, 30) / 30, rtol=1e-4)
    found = json.loads((project.results / "tiny/audit/predicted/findings.json").read_text())
    assert found["tested"]["map"] == "guided_gradcam"
    distributions = pd.read_csv(project.results / "tiny/audit/predicted/distributions.csv").set_index(
        ["column", "measure"]
    )
    assert distributions.loc[("all", "centroid_x"), "mean"] == pytest.approx(table["centroid_x"].mean(), rel=1e-4)
