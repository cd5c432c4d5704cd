"""The workflow as its users run it: real Snakemake runs, in temporary folders."""

import json
import os
import re
import warnings
from collections import Counter
from importlib.metadata import version

import captum.attr
import numpy as np
import pandas as pd
import pytest
import torch
import xarray
import zarr
from PIL import Image
from torch.nn import functional

from saliency import open_maps
from saliency.networks.load import load_model
from saliency.store.verify import verify
from tests.helpers.networks import guided_oracle
from tests.helpers.workflow_project import Project, jobs

# A job for each step of each shard takes minutes; test_volumes runs a whole workflow in each test run.
pytestmark = pytest.mark.slow

DRAWING = {"Draw samples (predicted)", "Draw contact sheets (predicted)"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project whose run is finished; tests work on copies."""
    project = Project.create(tmp_path_factory.mktemp("finished"))
    output = project.run()
    assert sum(jobs(output).values()) == 3 + 3 * 6 + 5
    return project


@pytest.fixture
def project(finished, tmp_path):
    return finished.copy(tmp_path / "project")


def test_nothing_to_be_done_after_a_run(project):
    assert "Nothing to be done" in project.run()


def test_values_equal_an_independent_computation(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    model = load_model("tiny_network:Network", {}, None)
    pixels = []
    for number in range(5):
        image = Image.open(finished.image(number)).resize((38, 32), Image.Resampling.BILINEAR).crop((4, 1, 34, 31))
        pixels.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255)
    pixels = torch.stack(pixels)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    x = (pixels - mean) / std
    logits = model(x).detach()
    classes = logits.argmax(1)
    maps = open_maps(finished.store)

    assert maps.ids == [f"s{number}" for number in range(5)]
    assert maps.targets == ("predicted",)
    np.testing.assert_array_equal(maps["inputs"][...], pixels.numpy())
    np.testing.assert_array_equal(maps["status"][...], 0)
    np.testing.assert_allclose(maps["logits"][...], logits.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(maps["predicted/class"][...], classes.numpy())
    cam = captum.attr.LayerGradCam(model, model.second).attribute(x, classes, relu_attributions=True)
    np.testing.assert_allclose(maps["predicted/gradcam"][...], cam[:, 0].detach(), rtol=1e-4, atol=1e-7)
    guided = guided_oracle(monkeypatch, _functional(model), x, classes)
    np.testing.assert_allclose(maps["predicted/guided_backprop"][...], guided, rtol=1e-4, atol=1e-7)
    enlarged = functional.interpolate(cam, (30, 30), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(
        maps["predicted/guided_gradcam"][...], (guided * enlarged).detach(), rtol=1e-4, atol=1e-8
    )

    table = pd.read_csv(finished.results / "tiny" / "predictions.csv")
    assert table["id"].tolist() == maps.ids
    assert table["predicted_class"].tolist() == classes.tolist()
    assert table["predicted_name"].tolist() == ["abcde"[index] for index in classes]
    np.testing.assert_allclose(table["probability"], logits.softmax(1).max(1).values, atol=1e-6)
    assert table["label"].fillna(-1).tolist() == [0, 1, 2, -1, 4]
    assert table["site"].tolist() == [f"site {number % 2}" for number in range(5)]
    known = table["label"].notna()
    assert table["correct"][known].tolist() == (classes.numpy()[known] == table["label"][known]).tolist()


def _functional(model):
    """The same network, calling torch.nn.functional, which the oracle replaces."""
    return lambda x: model.head(
        functional.relu(model.second(functional.relu(model.first(x)))).mean((2, 3))
    )  # fmt: skip


def test_other_readers_find_named_dimensions(finished):
    group = zarr.open_group(finished.store, mode="r")
    assert group["predicted/gradcam"].metadata.dimension_names == ("sample", "feature_y", "feature_x")
    with warnings.catch_warnings(action="ignore"):  # about consolidated metadata, which the store leaves out
        top = xarray.open_zarr(finished.store)
        target = xarray.open_zarr(finished.store, group="predicted")
    assert top["inputs"].dims == ("sample", "channel", "y", "x")
    assert top["id"].values.tolist() == [f"s{number}" for number in range(5)]
    assert target["guided_backprop"].dims == ("sample", "channel", "y", "x")
    assert target["class"].dims == ("sample",)
    assert np.isfinite(target["gradcam"].values).all()


def test_figures_and_provenance(finished):
    figures = finished.results / "tiny" / "figures" / "predicted"
    found = {str(path.relative_to(figures)) for path in figures.rglob("*.png")}
    assert found == {
        *("samples/s0.png", "samples/s1.png"),
        *("contact-sheet_first.png", "contact-sheet_misclassified.png"),
    }
    provenance = json.loads((finished.results / "provenance.json").read_text())
    assert provenance["config"]["batch_size"] == 2
    assert provenance["models"]["tiny"]["target_layer"] == "second"
    assert provenance["models"]["tiny"]["feature_shape"] == [12, 12]
    assert provenance["versions"]["torch"] == version("torch")
    assert len(provenance["digests"]["tiny"]) == 7 * 3


def test_job_logs_show_progress(finished):
    log = (finished.results / "logs" / "tiny" / "predict" / "1.log").read_text()
    assert "predict: 2 of 2 samples" in log
    assert "samples/s" in log


def test_deleted_shard_and_its_consumers_are_made_again_byte_identical(project):
    before = project.digests()
    (project.store / "predicted" / "gradcam" / "c.0.0.0").unlink()
    output = project.run()
    assert set(jobs(output)) == {"Grad-CAM of shard 0 (predicted)", "Guided Grad-CAM of shard 0 (predicted)", *DRAWING}
    assert project.digests() == before
    assert "Nothing to be done" in project.run()


@pytest.mark.parametrize("array", ["inputs", "status", "logits", "predicted/class", "predicted/guided_gradcam"])
def test_deleted_shard_is_planned_with_its_consumers_only(project, array):
    (path,) = (project.store / array).glob("c.2*")
    path.unlink()
    planned = set(project.planned())
    steps = ["Read", "Predict", "Choose", "Guided Backprop", "Grad-CAM", "Guided Grad-CAM"]
    first = {"inputs": 0, "status": 0, "logits": 1, "predicted/class": 2, "predicted/guided_gradcam": 5}[array]
    expected = set(steps[first:]) | ({"Tabulate", "List"} if first < 2 else set())
    assert {message for message in planned if "shard" in message and "shard 2" not in message} == set()
    assert {step for step in [*steps, "Tabulate", "List"] if any(m.startswith(step) for m in planned)} == expected


def test_changed_layer_runs_gradcam_and_what_follows(project):
    models = {"tiny": {"factory": "tiny_network:Network", "target_layer": "first", "class_names": list("abcde")}}
    project.write_config(models=models)
    expected = {f"{name} of shard {n} (predicted)" for n in range(3) for name in ("Grad-CAM", "Guided Grad-CAM")}
    housekeeping = {"Find the target layer of tiny", "Write the Zarr metadata of tiny", "Record the provenance"}
    assert set(project.planned()) == expected | housekeeping | DRAWING


def shard_jobs(planned: Counter[str]) -> set[int]:
    return {int(message.split("shard ")[1].split()[0]) for message in planned if "shard" in message}


def test_edited_code_runs_the_steps_of_the_network_and_mixed_networks_are_named(project):
    (project.folder / "blocks.py").write_text("")
    network = project.folder / "tiny_network.py"
    network.write_text("import blocks\n" + network.read_text())
    planned = project.planned()
    # All of the first run but reading.
    assert sum(planned.values()) == 3 * 5 + 8
    assert not any(message.startswith("Read") for message in planned)
    # As a run does that does not look at params: one shard by the edited network, the others by the one before.
    wanted = "results/test/tiny.zarr/logits/c.0.0"
    (project.folder / wanted).unlink()
    project.run("--rerun-triggers", "mtime", "--", wanted)
    (mixed,) = [problem for problem in verify(project.results)[1] if problem.kind == "mixed"]
    assert mixed.path.relative_to(project.results).as_posix() == "logs/tiny/predict/0.log"
    assert "another network than others" in mixed.what


DOWNLOADING = """
from pathlib import Path
import torch
from tiny_network import Network

def downloaded():
    network = Network()
    network.load_state_dict(torch.load(Path("cache", "tiny.pt"), weights_only=True))
    return network
"""


def test_other_downloaded_weights_run_the_steps_of_the_network(tmp_path, monkeypatch):
    layer = {"target_layer": "second", "class_names": list("abcde")}
    models = {"tiny": {"factory": "downloading:downloaded", **layer}}
    plots = {"count": 0, "contact_sheets": []}
    project = Project.create(tmp_path / "project", samples=2, models=models, methods=["gradcam"], plots=plots)
    (project.folder / "downloading.py").write_text(DOWNLOADING)
    monkeypatch.chdir(project.folder)
    network = load_model("tiny_network:Network", {}, None)
    weights = project.folder / "cache" / "tiny.pt"
    weights.parent.mkdir()

    def download(factor):
        torch.save({name: factor * value for name, value in network.state_dict().items()}, weights)

    download(1)
    project.run()
    before = open_maps(project.store)["logits"][...]
    # Downloaded again, the same: another time.
    download(1)
    assert "Nothing to be done" in project.run()
    for factor in (2, 1):
        download(factor)
        planned = project.planned()
        assert sum(planned.values()) == 3 + 6
        assert not any(message.startswith("Read") for message in planned)
        project.run()
        assert np.array_equal(open_maps(project.store)["logits"][...], before) == (factor == 1)
        assert "Nothing to be done" in project.run()
    assert verify(project.results)[1] == []
    # Where the record is lost, nothing is planned, and what has to be made is refused.
    (project.results / "tiny" / "factory_files.json").unlink()
    download(2)
    assert "Nothing to be done" in project.run()
    next((project.store / "logits").glob("c.0*")).unlink()
    assert "its factory returns other weights" in project.run(fails=True)


def test_appended_rows_run_the_last_shard_and_new_ones(project):
    for number, expected in [(5, {2}), (6, {2, 3})]:
        project.write_image(number)
        with project.manifest.open("a") as file:
            file.write(f"s{number},s{number}.png,1,site 0\n")
        assert shard_jobs(project.planned()) == expected


def test_replaced_photograph_runs_its_shard_only(project):
    project.write_image(3, seed=1)
    planned = project.planned()
    assert shard_jobs(planned) == {1}
    assert "Read shard 1" in planned


def test_replaced_photograph_is_noticed_by_its_time_alone(project):
    status = project.image(3).stat()
    os.utime(project.image(3), ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))
    assert shard_jobs(project.planned()) == {1}


def test_new_target_leaves_the_others_alone(project):
    project.write_config(targets=["predicted", 4])
    planned = project.planned()
    assert all("(class-4)" in message for message in planned if "shard" in message or "Draw" in message)
    assert "Inspect tiny" not in planned


@pytest.mark.parametrize("change", [{"on_error": "skip"}, {"threads": 2}, {"device": "cpu"}])
def test_settings_that_do_not_change_results_make_no_shard_again(project, change):
    project.write_config(**change)
    judged = {"List the samples without a result"} if "on_error" in change else set()
    assert set(project.planned()) == {"Record the provenance"} | judged


def test_changed_label_runs_the_table_only(project):
    project.manifest.write_text(project.manifest.read_text().replace("s1,s1.png,1", "s1,s1.png,2"))
    planned = set(project.planned())
    assert not shard_jobs(Counter(planned))
    assert "Tabulate the predictions of tiny" in planned


def test_fused_gives_the_same_bytes(finished, tmp_path):
    project = Project.create(tmp_path / "fused", samples=5, execution="fused")
    output = project.run()
    made = jobs(output)
    assert sum("All maps" in message for message in made.elements()) == 3
    assert (made["Inspect tiny"], made["Find the target layer of tiny"]) == (1, 0)
    assert project.digests() == finished.digests()
    for name in ("model.json", "target_layer.json"):
        assert (project.results / "tiny" / name).read_bytes() == (finished.results / "tiny" / name).read_bytes()
    project.write_config(
        execution="fused", models={"tiny": {**project.config["models"]["tiny"], "target_layer": "first"}}
    )
    planned = project.planned()
    assert (planned["Inspect tiny"], len(shard_jobs(planned))) == (1, 3)


def test_bad_samples_of_all_shards_are_named_at_once_and_cost_only_their_own_shards(finished, project):
    project.image(1).write_bytes(b"")
    project.image(2).write_bytes(project.image(2).read_bytes()[:300])
    output = project.run(fails=True)
    assert "tiny: sample 's1': data/s1.png: is empty, it has 0 bytes: replace the file or remove the row" in output
    assert re.search(r"tiny: sample 's2': data/s2.png: cannot be decoded \(.*\): replace the file or remove", output)
    assert "2 of 5 samples failed; correct or remove them, or set on_error: skip" in output
    assert not (project.results / "errors.csv").exists()
    for log in ("errors.log", "tiny/prepare/1.log"):
        assert "Traceback" not in (project.results / "logs" / log).read_text()
    assert not list(project.store.rglob("*.tmp"))
    for number in (1, 2):
        project.image(number).write_bytes(finished.image(number).read_bytes())
    assert shard_jobs(project.planned()) == {0, 1}


def test_skipped_sample_is_nan_and_listed(finished, project):
    project.image(3).unlink()
    project.write_config(on_error="skip")
    project.run()
    maps, before = open_maps(project.store), open_maps(finished.store)
    assert maps["status"][...].tolist() == [0, 0, 0, 1, 0]
    assert maps["predicted/class"][3] == -1
    others = [0, 1, 2, 4]
    for name in ("inputs", "logits", "predicted/gradcam", "predicted/guided_backprop", "predicted/guided_gradcam"):
        assert np.isnan(maps[name][3]).all()
        np.testing.assert_array_equal(maps[name].oindex[others], before[name].oindex[others])
    errors = pd.read_csv(project.results / "errors.csv")
    assert errors.to_dict("records") == [
        {
            "model": "tiny",
            "id": "s3",
            "path": "s3.png",
            "status": "there is no such file",
            "problem": "there is no such file: correct the path or remove the row",
        }
    ]
    table = pd.read_csv(project.results / "tiny" / "predictions.csv")
    assert table["predicted_class"].isna().tolist() == [False, False, False, True, False]


def test_problems_are_reported_together_before_any_job(tmp_path):
    project = Project.create(tmp_path / "project")
    project.write_config(shard_sze=3, batch_size=0, models={"tiny": {"factory": "no_such_package:build"}})
    project.manifest.write_text("id,path,label\ns0,s0.png,1\ns0,gone.png,cat\n")
    output = project.run(fails=True)
    for line in (
        "config.yaml: unknown key 'shard_sze'; did you mean 'shard_size'?",
        "config.yaml: batch_size: 0",
        "config.yaml: models.tiny.factory: the Python package 'no_such_package' is not installed",
        "data/manifest.csv: line 3, column id: 's0' stands in line 2 already",
        "data/manifest.csv: line 3, column label: 'cat' is not a class index",
        "data/manifest.csv: line 3, column path: there is no file 'gone.png'",
        "6 problem(s) found",
    ):
        assert line in output
    assert not project.results.exists()


def test_two_models_side_by_side_with_their_own_input(tmp_path):
    models = {
        "colour": {"factory": "tiny_network:Network"},
        "grey": {
            "factory": "tiny_network:Network",
            "kwargs": {"channels": 1},
            "input": {"channels": 1, "mean": [0.5], "std": [0.5], "crop": 24},
        },
    }
    plots = {"samples": ["s1"], "contact_sheets": []}
    project = Project.create(tmp_path, samples=2, models=models, methods=["gradcam"], execution="fused", plots=plots)
    project.run()
    grey, colour = (open_maps(project.results / f"{name}.zarr") for name in ("grey", "colour"))
    assert grey["inputs"].shape == (2, 1, 24, 24)
    assert colour["inputs"].shape == (2, 3, 30, 30)
    assert set(grey.group["predicted"].array_keys()) == {"class", "gradcam"}
    assert (project.results / "grey" / "figures" / "predicted" / "samples" / "s1.png").is_file()


def test_snakemake_report(project):
    project.run("--report", "report.zip")
    assert (project.folder / "report.zip").stat().st_size > 10_000
