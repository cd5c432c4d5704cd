"""Every kind of bad or unusual input through the code of the workflow's jobs; `bad_inputs.py` holds the kinds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from saliency import open_maps
from saliency.exceptions import DataError, InputError, Status
from saliency.readers.images import Preprocessing, read_image
from saliency.steps.prepare import prepare
from tests.helpers.bad_inputs import (
    PHOTO,
    REFUSED,
    RGB,
    ROOT,
    USED,
    Kind,
    document,
    image,
    make_dataset,
    run,
    table_row,
)
from tests.helpers.shards import stored_shard
from tests.helpers.workflow_project import Project

DOCUMENT = (ROOT / "docs" / "bad-inputs.md").read_text(encoding="utf-8")
KANGAROOS = Path(os.environ.get("SALIENCY_TEST_DATA", ROOT.parent / "shared" / "data")) / "kangaroo" / "images"
METHODS = ("gradcam", "guided_backprop", "guided_gradcam")
LABEL = "the label is outside the model's classes"


def arrays(job):
    return {name: job.read(name) for name in job.files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Arrays of runs in which a good file is in the place of the bad one, by their settings."""
    known = {}

    def of(kind):
        key = json.dumps(kind.settings)
        if key not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("good"))
                job, judge = run(make_dataset(kind, replaced=True))
                judge(on_error="fail")
                assert len(pd.read_csv("errors.csv")) == 0
                known[key] = arrays(job)
        return known[key]

    return of


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.title)
def test_refused(kind, undisturbed, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    job, judge = run(make_dataset(kind))
    found, good = arrays(job), undisturbed(kind)
    failed_input = isinstance(kind.status, Status)
    assert found["status"].tolist() == [0, int(kind.status) if failed_input else 0, 0]
    for name, values in found.items():
        np.testing.assert_array_equal(values[[0, 2]], good[name][[0, 2]])
        kept = (kind.status == LABEL and not name.startswith("label/")) or (name == "inputs" and not failed_input)
        if values.dtype.kind == "f":
            assert np.isnan(values[1]).all() != kept, name
    assert (found["label/class"][1], found["predicted/class"][1] == -1) == (-1, kind.status != LABEL)

    judge(on_error="skip")
    (error,) = pd.read_csv("errors.csv", dtype=str).to_dict("records")
    assert (error["model"], error["id"], error[kind.column if kind.column != "mask" else "path"]) == (
        "net",
        "kind",
        kind.name if kind.column != "mask" else "kind_path.nii",
    )
    assert error["status"] == (kind.status.reason if failed_input else kind.status)
    table = pd.read_csv("results/predictions.csv")
    assert table["status"].tolist() == ["ok", error["status"], "ok"]

    problem = error["problem"]
    assert "\n" not in problem
    assert str(tmp_path) not in problem
    assert table_row(kind) in DOCUMENT.splitlines()
    Path("errors.csv").unlink()
    with pytest.raises(DataError) as failure:
        judge(on_error="fail")
    line, summary = str(failure.value).splitlines()
    assert line.startswith("net: sample 'kind': data/")
    assert line.endswith(f"{kind.name}: {problem}")
    assert summary == "1 of 3 samples failed; correct or remove them, or set on_error: skip"
    assert not Path("errors.csv").exists()
    # The reason stands in the log of the job on the shard as well.
    assert any(
        record.levelname == "WARNING" and problem.partition(":")[0] in record.message for record in caplog.records
    )


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.title, marks=[pytest.mark.slow] if "million" in kind.title else []) for kind in USED],
)
def test_used(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = stored_shard(make_dataset(kind), "net", 0, tmp_path / "store")
    prepare(job)
    assert job.read("status").tolist() == [0, 0, 0]
    found = job.read("inputs")[1]
    expected = kind.pixels(Path("data", kind.name))
    spatial = expected.shape[1:]
    corner = [round((have - want) / 2) for have, want in zip(spatial, found.shape[1:], strict=True)]
    cropped = expected[(slice(None), *(slice(at, at + n) for at, n in zip(corner, found.shape[1:], strict=True)))]
    # In steps of 8 bits, which Pillow rounds to; a JPEG file is never exact.
    tolerance = {"16-bit RGB PNG": 1, "RGB, greyscale wanted": 1, "CMYK JPEG": 3}.get(kind.title, 0)
    np.testing.assert_allclose(found, cropped, atol=(tolerance + 0.01) / 255)


def test_documentation_is_what_its_command_writes():
    rows = [line for line in DOCUMENT.splitlines() if line.startswith(tuple(f"| {kind.title} |" for kind in REFUSED))]
    assert [row.split(" | ")[0] for row in rows] == [f"| {kind.title}" for kind in REFUSED]
    assert document(rows) == DOCUMENT


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such thing as another user here")
def test_file_that_may_not_be_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "secret.png")
    (tmp_path / "secret.png").chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(
            InputError, match=r"cannot be opened \(Permission denied\): correct the path or its perm"
        ) as error:
            read_image(tmp_path / "secret.png", Preprocessing(3, 32, 30, "bilinear"))
    finally:
        if root:
            os.seteuid(0)
    assert error.value.status is Status.UNREADABLE


def cut_off(tmp_path, monkeypatch, **changes):
    """A run on a kind of which one sample fails."""
    monkeypatch.chdir(tmp_path)
    config = make_dataset(Kind("text", "text.jpg", lambda path: path.write_text("text"), Status.UNREADABLE))
    return run(config | changes)


def test_file_that_can_be_read_by_now(tmp_path, monkeypatch):
    _, judge = cut_off(tmp_path, monkeypatch)
    Image.fromarray(RGB).save("data/text.jpg")
    judge(on_error="skip")
    assert pd.read_csv("errors.csv")["problem"][0] == (
        "could not be used, but can be read now: run again; if that changes nothing, delete "
        "results.zarr/status/c.0 first"
    )


@pytest.mark.parametrize(
    ("limit", "allowed"), [(1, True), (2, True), (0.34, True), (0.33, False), (0.01, False), (None, True)]
)
def test_max_failed(tmp_path, monkeypatch, limit, allowed):
    """One of three samples fails."""
    _, judge = cut_off(tmp_path, monkeypatch)
    if allowed:
        judge(on_error="skip", max_failed=limit)
        assert len(pd.read_csv("errors.csv")) == 1
        return
    with pytest.raises(DataError) as failure:
        judge(on_error="skip", max_failed=limit)
    line, summary = str(failure.value).splitlines()
    assert line.startswith("net: sample 'kind': data/text.jpg: cannot be decoded")
    assert summary == (
        f"net: 1 of 3 samples failed, more than max_failed: {limit} allows; correct or remove them, or raise max_failed"
    )
    assert not Path("errors.csv").exists()


def test_max_failed_as_a_number_and_as_a_share_that_is_met_exactly(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"s{number},text.jpg,0" for number in range(29)] + [f"s{number},good.png,0" for number in range(29, 100)]
    config = make_dataset(REFUSED[0])
    Path("data/manifest.csv").write_text("\n".join(["id,path,label", *rows]) + "\n")
    Path("data/text.jpg").write_text("text")
    image(RGB)(Path("data/good.png"))
    _, judge = run(config | {"shard_size": 100, "methods": ["gradcam"], "targets": ["predicted"]})
    for limit in (29, 0.29):
        judge(on_error="skip", max_failed=limit)
    for limit in (28, 0.28):
        with pytest.raises(DataError, match=f"net: 29 of 100 samples failed, more than max_failed: {limit} allows"):
            judge(on_error="skip", max_failed=limit)


def test_errors_do_not_need_torch():
    code = "import sys, saliency.steps.failures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
def test_many_kinds_in_one_run_of_the_workflow(tmp_path):
    """Every second sample is bad, and a second run has good files in the place of the bad ones."""
    kinds = [kind for kind in REFUSED if kind.settings == PHOTO]
    absent = [kind for kind in kinds if kind.name in ("gone.png", "folder.jpg", "loop.jpg", "pipe.jpg")]
    assert len(kinds) - len(absent) >= 6
    settings = {"input": PHOTO, "targets": ["predicted", "label"], "shard_size": 20}

    def write(folder, kinds, replaced=False):
        project = Project(folder) if folder.exists() else Project.create(folder, samples=0)
        lines = ["id,path,label"]
        for number, kind in enumerate(kinds):
            image(RGB[::-1])(project.folder / "data" / f"good{number}.png")
            lines.append(f"good{number},good{number}.png,{number % 5}")
            path = project.folder / "data" / ("good.png" if replaced else kind.name)
            if replaced:
                image(RGB)(path)
            elif not path.exists():
                kind.make(path)
            lines.append(f"bad{number},{path.name},{'1' if replaced else kind.label or '1'}")
        project.manifest.write_text("\n".join(lines) + "\n")
        return project

    # First those that only reading shows: with `fail`, the run ends before any map is computed.
    found_by_reading = [kind for kind in kinds if kind not in absent]
    project = write(tmp_path / "bad", found_by_reading)
    project.write_config(**settings)
    output = project.run("--cores", "1", fails=True)
    for kind in found_by_reading:
        assert output.count(f"data/{kind.name}: ") >= 1
    count = len(found_by_reading)
    assert f"{count} of {2 * count} samples failed; correct or remove them, or set on_error: skip" in output
    assert not (project.results / "errors.csv").exists()
    assert (project.results / "tiny" / "predictions.csv").exists()
    assert not list(project.store.glob("*/g*/c.*"))

    project = write(tmp_path / "bad", kinds)
    output = project.run(fails=True)
    for kind in absent:
        assert f"column path: there is no file '{kind.name}'" in output
    project.write_config(**settings, on_error="skip")
    project.run()
    errors = pd.read_csv(project.results / "errors.csv")
    assert errors["path"].tolist() == [kind.name for kind in kinds]
    reasons = [kind.status.reason if isinstance(kind.status, Status) else kind.status for kind in kinds]
    assert errors["status"].tolist() == reasons

    good = write(tmp_path / "good", kinds, replaced=True)
    good.write_config(**settings, execution="fused")
    good.run()
    found, undisturbed = open_maps(project.store), open_maps(good.store)
    assert found["status"][1::2].tolist() == [kind.status if isinstance(kind.status, Status) else 0 for kind in kinds]
    names = ["inputs", "status", "logits", "predicted/class", "label/class"]
    names += [f"{target}/{method}" for target in ("predicted", "label") for method in METHODS]
    for name in names:
        np.testing.assert_array_equal(found[name][::2], undisturbed[name][::2])
        values = found[name][1::2]
        if values.dtype.kind == "f":
            failed = np.isnan(values.reshape(len(values), -1)).all(axis=1)
            kept = [kind.status == LABEL and not name.startswith("label/") for kind in kinds]
            assert failed.tolist() == [not keeps for keeps in kept]


@pytest.mark.slow
@pytest.mark.skipif(not KANGAROOS.is_dir(), reason="no photographs of kangaroos; SALIENCY_TEST_DATA names their folder")
def test_one_of_164_photographs_of_kangaroos_is_cut_off(tmp_path):
    project = Project.create(tmp_path / "project", samples=0)
    paths = sorted(KANGAROOS.glob("*.jpg"))
    assert len(paths) == 164
    project.manifest.write_text("\n".join(["id,path", *(f"{path.stem},{path}" for path in paths)]) + "\n")
    settings = {"input": {"resize": 64, "crop": 64}, "shard_size": 64, "execution": "fused"}
    project.write_config(**settings, on_error="skip")
    project.run()
    errors = pd.read_csv(project.results / "errors.csv", dtype=str)
    assert errors["id"].tolist() == ["00090"]
    assert errors["problem"][0].startswith("cannot be decoded (")
    maps = open_maps(project.store)
    lost = maps.row("00090")
    for name in ("inputs", "logits", *(f"predicted/{method}" for method in METHODS)):
        finite = np.isfinite(maps[name][...].reshape(164, -1))
        assert np.flatnonzero(~finite.all(axis=1)).tolist() == [lost]
        assert not finite[lost].any()
    project.write_config(**settings)
    output = project.run(fails=True)
    named = [line for line in output.splitlines() if "tiny: sample '" in line]
    assert len(named) == 1
    assert "tiny: sample '00090': " in named[0]
    assert "1 of 164 samples failed; correct or remove them, or set on_error: skip" in output
    assert not (project.results / "errors.csv").exists()
