"""From a shard's maps to tables, grids, mean maps and findings; and the audit as a part of real runs."""

import json
import tempfile
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
import zarr
from PIL import Image

from saliency.audit.document import write_findings
from saliency.audit.files import audit_settings, write_audit, write_mean_maps
from saliency.audit.grid_files import DiskArray, read_grids
from saliency.audit.measure import measure, metrics_table, pooling_grids
from saliency.audit.probes.transfer_table import Row, transfer_table
from saliency.exceptions import DataError
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.upsampling import upsample
from saliency.metrics.table import measure_columns
from saliency.networks.describe import write_descriptions
from saliency.steps.fused import fused
from tests.helpers.audit_data import AUDIT_TABLES, write_audit_inputs
from tests.helpers.shards import stored_shard
from tests.helpers.workflow_project import Project

METHODS = ["guided_backprop", "gradcam", "guided_gradcam"]


def with_masks(project):
    """A mask for the first and the fourth photograph; those of the others are empty cells."""
    for number in (0, 3):
        mask = np.zeros((40, 48), dtype=np.uint8)
        mask[10:30, 8 : 20 + number] = 1
        Image.fromarray(mask).save(project.folder / "data" / f"m{number}.png")
    table = pd.read_csv(project.manifest, dtype=str, keep_default_na=False)
    table["mask"] = [f"m{number}.png" if number in (0, 3) else "" for number in range(len(table))]
    table.to_csv(project.manifest, index=False)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """All arrays of five photographs in one shard, made in the working directory."""
    project = Project.create(tmp_path)
    with_masks(project)
    monkeypatch.chdir(tmp_path)
    project.write_config(audit={"tolerance": 2}, shard_size=5, targets=["predicted", "runner_up"])
    config, problems = complete_config(yaml.safe_load((tmp_path / "config.yaml").read_text()))
    assert problems == []
    write_descriptions(config, "tiny", {"model": "model.json", "target_layer": "target_layer.json"})
    made = stored_shard(config, "tiny", 0, tmp_path / "store", ["model.json", "target_layer.json"])
    fused(made)
    return made


def test_measures_of_a_shard(job, tmp_path):
    measure(job, tmp_path / "0.parquet", tmp_path / "0.npz")
    table = pd.read_parquet(tmp_path / "0.parquet")
    assert list(table) == ["id", "target", "class", *measure_columns(2, METHODS)]
    assert table["id"].tolist() == [f"s{number}" for number in range(5) for _ in range(2)]
    first = table[table["target"] == "predicted"].reset_index(drop=True)
    assert first["class"].tolist() == job.read("predicted/class").tolist()
    # 40 x 48 pixels are resized to 32 x 38 and cropped to the middle 30 x 30.
    mask = np.asarray(Image.open("data/m3.png").resize((38, 32), Image.Resampling.NEAREST))[1:31, 4:34]
    cam = upsample(torch.from_numpy(job.read("predicted/gradcam")), (30, 30))[:, 0].numpy()
    assert first["mask_share"].tolist()[3] == pytest.approx(mask.mean())
    assert first["energy_in_mask"].tolist()[3] == pytest.approx(cam[3][mask > 0].sum() / cam[3].sum(), rel=1e-5)
    assert first["energy_in_mask"].isna().tolist() == [False, True, True, False, True]
    grid, finer = pooling_grids(job.specs["predicted/gradcam"].shape, (30, 30), 8)
    assert [part.shape for part in read_grids([tmp_path / "0.npz"] * 2, "inputs")] == [(5, 3, *finer)] * 2
    native = job.read("predicted/gradcam")
    (pooled,) = read_grids([tmp_path / "0.npz"], "predicted")
    assert pooled.shape == (5, *grid)
    np.testing.assert_allclose(pooled.mean((1, 2)), native.mean((1, 2)), rtol=1e-5)


def test_array_on_disk_gives_the_rows_of_all_parts():
    values = np.random.default_rng(0).random((50, 2, 3, 4), dtype=np.float32)
    with DiskArray(values[begin : begin + 8] for begin in range(0, 50, 8)) as array:
        assert array.shape == values.shape
        for rows in ([3], [49, 0, 17, 17], []):
            np.testing.assert_array_equal(array[np.array(rows, dtype=int)], values[rows])


def test_full_disk_is_named(monkeypatch):
    # Writing there fails as on a full disk.
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "wb", buffering=0))
    with pytest.raises(DataError, match="cannot write: No space left on device: free space there, or set TMPDIR"):
        DiskArray([np.zeros((3, 2), dtype=np.float32)])


def test_table_joins_predictions_and_manifest():
    measures = pd.DataFrame(
        {
            "id": ["b", "b", "a", "a"],
            "target": ["predicted", "label"] * 2,
            "class": [1, 5, 0, -1],
            "gini": [0.1, 0.2, 0.3, 0.4],
        }
    )
    predictions = pd.DataFrame({
        "id": ["a", "b"], "label": [0, 5], "predicted_class": [0, 1], "probability": [0.9, 0.8],
        "correct": pd.array([True, False], dtype="boolean"), "status": ["ok", "ok"],
    })  # fmt: skip
    samples = pd.DataFrame({"id": ["a", "b"], "path": ["a.png", "b.png"], "label": ["0", "5"], "site": ["x", "y"]})
    table = metrics_table(samples, measures, predictions, ["cat", "dog"])
    assert table["name"].tolist() == ["dog", "5", "cat", ""]
    assert table["class"].isna().tolist() == [False, False, False, True]
    assert table["correct"].tolist() == [False, False, True, True]
    assert table["site"].tolist() == ["y", "y", "x", "x"]
    assert table["gini"].tolist() == [0.1, 0.2, 0.3, 0.4]


def test_mean_maps_of_classes_and_groups(job, tmp_path):
    job.config["audit"]["min_count"] = 2
    shards = {name: [job.files[f"predicted/{of}"]] for name, of in (("class", "class"), ("maps", "gradcam"))}
    write_mean_maps(job.config, "tiny", "predicted", shards, ["model.json", "target_layer.json"], tmp_path / "m.zarr")
    group = zarr.open_group(tmp_path / "m.zarr", mode="r")
    classes, cams = job.read("predicted/class"), job.read("predicted/gradcam").astype(np.float64)
    sites = {f"site=site {site}": np.arange(5) % 2 == site for site in (0, 1)}
    assert group["id"][...].tolist() == [*(str(index) for index in np.unique(classes)), *sites]
    for row, members in enumerate([*(classes == index for index in np.unique(classes)), *sites.values()]):
        shares = [cam / cam.sum() for cam in cams[members] if cam.sum()]
        np.testing.assert_allclose(group["mean"][row], np.mean(shares, axis=0), rtol=1e-6)


def test_ids_that_look_like_missing_values_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_audit_inputs(tmp_path, 240)
    outputs = {name: tmp_path / "out" / name for name in AUDIT_TABLES}
    write_audit(config, "net", "predicted", tmp_path / "metrics.parquet", [tmp_path / "0.npz"], outputs)
    row = Row(1, "frame", "4 %", "outer frame", "Pasting", 0.1, 24, 48, 40, 0, 40, 0, 1e-9, source="NA", target="nan")
    (tmp_path / "transfer.csv").write_bytes(csv_bytes(transfer_table([row])))
    written = {"findings_json": tmp_path / "out" / "findings.json", "findings_md": tmp_path / "out" / "findings.md"}
    checks = {"transfer": tmp_path / "transfer.csv"}
    write_findings(config, "predicted", tmp_path / "metrics.parquet", outputs["evidence"], [], checks, **written)
    first = json.loads(written["findings_json"].read_text())["findings"][0]
    assert (first["kind"], first["samples"]) == ("transfer", ["NA", "nan"])


def test_planted_place_is_found_and_only_chosen_rows_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count = 240
    config = write_audit_inputs(tmp_path, count)
    outputs = {name: tmp_path / "out" / name for name in AUDIT_TABLES}
    write_audit(config, "net", "predicted", tmp_path / "metrics.parquet", [tmp_path / "0.npz"], outputs)
    written = {"findings_json": tmp_path / "out" / "findings.json", "findings_md": tmp_path / "out" / "findings.md"}
    write_findings(config, "predicted", tmp_path / "metrics.parquet", outputs["evidence"], [], {}, **written)
    document = json.loads(written["findings_json"].read_text())
    assert document["tested"]["samples"] == count // 2
    best = document["findings"][0]
    assert best["kind"] == "shortcut"
    assert "Class 1" in best["sentence"]
    assert "lower right corner" in best["sentence"]
    assert best["sentence"] in written["findings_md"].read_text().replace("\\", "")
    described = pd.read_csv(outputs["distributions"], dtype={"group": str}).set_index(["column", "group", "measure"])
    assert described.loc[("all", "all", "correct"), "count"] == count // 2
    assert described.loc[[("class", str(name), "correct") for name in range(3)], "count"].sum() == count // 2
    clusters = pd.read_csv(outputs["clusters"])
    assert clusters["id"].tolist() == [f"s{row}" for row in range(1, count, 2)]


def test_predictions_are_told_of_with_the_first_target_only(tmp_path, monkeypatch):
    """Every second sample is audited, and the column that chose it compares all of them."""
    monkeypatch.chdir(tmp_path)
    config = write_audit_inputs(tmp_path, 60)
    metrics = tmp_path / "metrics.parquet"
    table = pd.read_parquet(metrics)
    wrong = (table["label"] == 1) & (table["split"] == "test")
    table["predicted_class"] = table["predicted_class"].where(~wrong, 2)
    table["correct"] = table["predicted_class"] == table["label"]
    table["target"] = "label"
    pd.concat([table, table.assign(target="predicted")]).to_parquet(metrics)
    np.savez("0.npz", **{name: np.load("0.npz")[of] for name, of in
                         {"inputs": "inputs", "predicted": "predicted", "label": "predicted"}.items()})  # fmt: skip
    config |= {"targets": ["label", "predicted"], "models": {"net": config["models"]["net"] | {"class_names": ["=a"]}}}
    written = {}
    for target in config["targets"]:
        outputs = {name: tmp_path / target / name for name in AUDIT_TABLES}
        write_audit(config, "net", target, metrics, [tmp_path / "0.npz"], outputs)
        written[target] = {name: path.read_bytes() for name, path in outputs.items()}
    tables = ("performance", "confusion", "calibration")
    assert [written["label"][name] == written["predicted"][name] for name in tables] == [True] * 3
    told = {target: json.loads(written[target]["evidence"])["performance"]["p"] for target in written}
    assert told["predicted"] == [] != told["label"]
    confusion = pd.read_csv(tmp_path / "label/confusion")
    assert confusion[["label", "predicted_class", "count"]].values.tolist() == [[0, 0, 10], [1, 2, 10], [2, 2, 10]]
    assert confusion["label_name"][0] == "'=a"
    rates = pd.read_csv(tmp_path / "label/performance")
    row = rates[(rates["measure"] == "recall") & (rates["class"] == 1) & (rates["group"] == "test")].iloc[0]
    assert row[["column", "among", "right", "count", "right_rest", "count_rest"]].tolist() == [
        *("split", "all", 0, 10, 10, 10),
    ]
    calibration = pd.read_csv(tmp_path / "label/calibration")
    assert calibration["error"].tolist() == [pytest.approx(0.9 - 2 / 3, abs=1e-6)]


def test_accuracy_by_facts_becomes_a_finding(tmp_path, monkeypatch):
    """Class 1 is missed in the smaller files, in the audited half of the samples as in the other."""
    monkeypatch.chdir(tmp_path)
    config = write_audit_inputs(tmp_path, 240)
    metrics, row = tmp_path / "metrics.parquet", np.arange(240)
    table = pd.read_parquet(metrics)
    small = row % 4 < 2
    table["predicted_class"] = table["predicted_class"].where((table["label"] != 1) | ~small, 2)
    table["correct"] = table["predicted_class"] == table["label"]
    table.to_parquet(metrics)
    facts = pd.DataFrame({"id": table["id"], "bytes": np.where(small, 9000.0, 99_000), "width": 64.0,
                          "sharpness": np.where(small, 7.0, 3)})  # fmt: skip
    for shard in range(2):
        facts[120 * shard : 120 * (shard + 1)].to_parquet(tmp_path / f"{shard}.parquet")
    shards, outputs = (
        [tmp_path / f"{shard}.parquet" for shard in range(2)],
        {name: tmp_path / name for name in AUDIT_TABLES},
    )
    write_audit(config, "net", "predicted", metrics, [tmp_path / "0.npz"], outputs, shards)
    rates = pd.read_csv(outputs["performance"]).set_index(["measure", "column", "class", "group"]).sort_index()
    found = rates.loc[("recall", "bytes", 1, "9 kB")]
    assert found[["source", "among", "right", "count", "right_rest", "count_rest"]].tolist() == [
        *("files", "audited", 0, 20, 20, 20),
    ]
    written = {"findings_json": tmp_path / "findings.json", "findings_md": tmp_path / "findings.md"}
    write_findings(config, "predicted", metrics, outputs["evidence"], [], {}, **written)
    document = json.loads(written["findings_json"].read_text())
    assert document["tested"]["facts"] == 1
    assert document["tested"]["facts_nearly_the_same"] == "sharpness as bytes"
    (told,) = [one for one in document["findings"] if one["numbers"].get("measure") == "recall"
               and one["numbers"].get("fact")]  # fmt: skip
    assert told["numbers"]["label"] == 1
    assert "where the file size is 9 kB: the model finds 0 of 20 samples" in told["sentence"]


def test_thresholds_come_from_the_config(job):
    job.config["audit"]["shortcuts"]["min_contrast"] = 0.6
    job.config["audit"]["seed"] = 7
    settings = audit_settings(job.config)
    assert (settings.shortcuts.min_contrast, settings.shortcuts.seed, settings.seed) == (0.6, 7, 7)


def test_new_mask_measures_again_and_nothing_else(job):
    before = {
        step: Digests(Plan(job.config)).of(step, "tiny", 0, "predicted") for step in ("prepare", "gradcam", "measure")
    }
    Image.fromarray(np.ones((40, 48), dtype=np.uint8)).save("data/m0.png")
    after = {step: Digests(Plan(job.config)).of(step, "tiny", 0, "predicted") for step in before}
    assert [step for step in before if before[step] != after[step]] == ["measure"]


@pytest.mark.slow
def test_audit_is_a_part_of_runs(tmp_path):
    project = Project.create(tmp_path)
    with_masks(project)
    project.write_config(audit={"min_count": 2}, execution="fused")
    project.run()
    assert project.planned() == {}
    metrics = pd.read_parquet(project.results / "tiny" / "metrics.parquet")
    assert metrics["id"].tolist() == [f"s{number}" for number in range(5)]
    pd.testing.assert_frame_equal(
        pd.read_csv(project.results / "tiny" / "metrics.csv")[measure_columns(2, METHODS)],
        metrics[measure_columns(2, METHODS)],
        atol=1e-6,
    )
    findings = (project.results / "tiny" / "audit" / "predicted" / "findings.md").read_text()
    assert findings.startswith("# Findings")
    Image.fromarray(np.ones((40, 48), dtype=np.uint8)).save(project.folder / "data" / "m3.png")
    planned = set(project.planned())
    assert {name for name in planned if "shard" in name} == {"Measure the maps of shard 1 (tiny)"}
    assert not [name for name in planned if name.startswith(("Read", "Predict", "Draw"))]
