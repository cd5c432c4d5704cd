"""What an earlier config left is reported by kind, hidden, and removed on demand; nothing else is touched."""

import json
from pathlib import Path

import numpy as np
import pytest

from saliency import open_maps
from saliency.__main__ import main
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.files.atomic_files import write_atomically, write_json
from saliency.store.codec import write_shard
from saliency.store.layout import array_specs, store_metadata
from saliency.store.leftovers import KINDS, leftover_cautions, leftovers

# By kind, files of other configs or manifests; with "", those of today's, and those that are not the workflow's.
FILES = {
    "model": [
        "old.zarr/zarr.json",
        "old.zarr/predicted/gradcam/c.0.0.0",
        "old/model.json",
        "old/weights.safetensors",
        "old/figures/predicted/samples/a.png",
        "report/data/old/predicted/gradcam/0.js",
        "report/data/old/tables.js",
    ],
    "trained": ["net/weights.safetensors", "net/training.csv"],
    "target": [
        "net.zarr/label/zarr.json",
        "net.zarr/class-281/gradcam/zarr.json",
        "net/figures/label/samples/a.png",
        "net/audit/label/findings.md",
        "report/data/net/label/classes.js",
    ],
    "node": ["net.zarr/predicted/guided_backprop/c.0.0.0.0", "net.zarr/affine/zarr.json"],
    "method": ["report/data/net/predicted/guided_backprop/0.js", "net/nifti/predicted/a/guided_gradcam.nii.gz"],
    "shard": [
        "net.zarr/inputs/c.2.0.0.0",
        "net/audit/measures/2.npz",
        "facts/2.parquet",
        "report/data/net/inputs/2.js",
    ],
    "drawn": ["net/figures/predicted/samples/gone.png", "net/figures/predicted/samples/c.png"],
    "exported": ["net/nifti/predicted/a/gradcam.nii.gz"],
    "sheet": ["net/figures/predicted/contact-sheet_least_confident.png"],
    "checked": ["net/audit/transfer.csv", "net/audit/transfer_pictures.json"],
    "": [
        "net.zarr/zarr.json",
        "net.zarr/id/c.0",
        "net.zarr/id_bytes/zarr.json",
        "net.zarr/id_bytes/c.0.0",
        "net.zarr/inputs/c.1.0.0.0",
        "net.zarr/predicted/zarr.json",
        "net.zarr/predicted/class/c.1",
        "net.zarr/predicted/gradcam/zarr.json",
        "net/model.json",
        "net/predictions.csv",
        "net/metrics.parquet",
        "net/audit/measures/1.parquet",
        "net/audit/predicted/mean_maps.zarr/mean/c.0.0.0",
        "net/audit/predicted/calibration.csv",
        "net/audit/degradation.csv",
        "net/figures/predicted/samples/a.png",
        "net/figures/predicted/contact-sheet_first.png",
        "report/index.html",
        "report/assets/views/gallery.js",
        "report/data/net/predicted/gradcam/1.js",
        "report/data/net/tables.js",
        "facts.csv",
        "provenance.json",
        "notes.txt",
        "net/notes.csv",
        "net/audit/notes.csv",
        "mine.zarr/data/c.9",
        "mine/predictions.csv",
        "logs/net/predict/7.log",
        "patches/a.nii",
    ],
}


def planned(**changes):
    rows = "".join(f"{name},{name}.png\n" for name in "abc")
    Path("m.csv").write_text(f"id,path\n{rows}")
    for name in "abc":
        Path(f"{name}.png").touch()
    config = {
        "experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "torch.nn:Linear"}}, "shard_size": 2,
        "methods": ["gradcam"], "plots": {"count": 2, "contact_sheets": ["first"]}, "audit": {"transfer": None},
    }  # fmt: skip
    completed, problems = complete_config(config | changes)
    assert problems == []
    return Plan(completed)


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for files in FILES.values():
        for name in files:
            path = Path("results/e", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
    return Path("results/e")


def test_every_kind_is_found_and_nothing_else(experiment):
    found = leftovers(planned(), experiment)
    said = {kind: sorted(path.relative_to(experiment).as_posix() for path in paths) for kind, paths in found.items()}
    assert said == {KINDS[kind]: sorted(files) for kind, files in FILES.items() if kind}
    (line,) = leftover_cautions(planned(), experiment)
    assert f"7 of {KINDS['model']}, 2 of {KINDS['trained']}" in line


def test_without_an_audit_its_files_and_the_page_are_left_over(experiment):
    audited = [name for files in FILES.values() for name in files if "audit/" in name or name.startswith("report")]
    found = leftovers(planned(audit=None), experiment)
    names = {path.relative_to(experiment).as_posix() for paths in found.values() for path in paths}
    ours = {name for name in audited if "notes" not in name}
    assert ours | {"facts.csv", "net/metrics.parquet"} <= names
    assert not names & {"notes.txt", "net/notes.csv", "net/audit/notes.csv", "mine/predictions.csv"}


def test_weights_that_a_model_uses_are_not_left_over(experiment):
    weights = experiment / "net" / "weights.safetensors"
    for model in ({"weights": f"results/../{weights}"}, {"train": {"epochs": 1, "pretrained": str(weights)}}):
        rows = "".join(f"{name},{name}.png,1,train\n" for name in "abc")
        plan = planned()
        Path("m.csv").write_text(f"id,path,label,split\n{rows}")
        completed, problems = complete_config(plan.config | {"models": {"net": {"factory": "torch.nn:Linear"} | model}})
        assert problems == []
        assert weights not in leftovers(Plan(completed), experiment).get(KINDS["trained"], [])


def test_command_lists_and_deletes_them_and_refuses_during_a_run(experiment, capsys):
    plan = planned()
    record = {"config": plan.config, "models": {"net": {}}, "digests": {"net": {}}}
    write_json(record, experiment / "provenance.json")
    before = {path for path in experiment.rglob("*") if path.is_file()}
    gone = {experiment / name for kind, files in FILES.items() if kind for name in files}
    assert main(["unused", str(experiment)]) == 1
    said = capsys.readouterr().out
    assert f"{experiment}/net.zarr/inputs/c.2.0.0.0: of {KINDS['shard']}\n" in said
    assert said.endswith(f"\n{len(gone)} file(s) found\n")
    lock = Path(".snakemake/locks/0.input.lock")
    write_atomically(lock, b"")
    assert main(["unused", str(experiment), "--delete"]) == 2
    assert {path for path in experiment.rglob("*") if path.is_file()} == before
    lock.unlink()
    assert main(["unused", str(experiment), "--delete"]) == 0
    assert {path for path in experiment.rglob("*") if path.is_file()} == before - gone
    assert not (experiment / "old.zarr").exists()
    assert main(["unused", str(experiment)]) == 0
    assert leftover_cautions(plan, experiment) == []


def test_they_are_not_returned(tmp_path):
    specs = array_specs(["inputs", "predicted/gradcam", "label/gradcam"], (1, 4, 4), 2, (2, 2), 2)
    store = tmp_path / "net.zarr"
    for name, content in store_metadata(specs, ["a", "b"]).items():
        write_atomically(store / name, content)
    for name, spec in specs.items():
        if not name.startswith("label"):
            write_shard(store / name / spec.first_key, np.ones((2, *spec.shape), np.float32), spec)
    with pytest.raises(FileNotFoundError, match="label/gradcam"):
        open_maps(store)
    record = {"digests": {"net": {"inputs/c.0.0.0.0": "", "predicted/gradcam/c.0.0.0": ""}}}
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    maps = open_maps(store)
    assert maps.targets == ("predicted",)
    assert maps.arrays == ("id", "inputs", "predicted/gradcam")
    assert maps["predicted/gradcam"][0].shape == (2, 2)
    with pytest.raises(KeyError, match="no array 'label/gradcam'; it has: id, inputs, predicted/gradcam"):
        maps.array("gradcam", "label")
    (tmp_path / "provenance.json").write_text(json.dumps({"digests": {"other": {}}}))
    with pytest.raises(FileNotFoundError, match=r"had no model 'net': it is left of an earlier config; .* unused"):
        open_maps(store)
