"""What files are known by, as their readers say."""

import os
from pathlib import Path

import pytest

from saliency.experiment import validation
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.readers.formats.nibabel_volumes import NibabelVolumes
from saliency.readers.formats.pillow import PillowImages
from tests.helpers.toy_readers import SliceFolders, forget, register


@pytest.fixture(autouse=True)
def _forget():
    yield
    forget()


def build(**changes):
    models = {"net": {"factory": "torch.nn:Linear"}}
    config = {"experiment": "e", "manifest": "m.csv", "models": models, "shard_size": 1, "audit": {}}
    return complete_config(config | changes)


def digests(**changes):
    config, problems = build(**changes)
    assert problems == []
    found = Digests(Plan(config))
    return {step: [found.of(step, "net", shard) for shard in found.plan.shards] for step in ("prepare", "measure")}


def test_new_version_of_a_default_reads_again_what_it_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).write_bytes(b"abc")
    Path("m.csv").write_text("id,path,mask\na,a.png,b.png\n")
    before = digests()
    monkeypatch.setattr(NibabelVolumes, "version", 2)
    assert digests() == before
    monkeypatch.setattr(PillowImages, "version", 2)
    after = digests()
    assert after["prepare"] != before["prepare"]
    assert after["measure"] != before["measure"]


def test_folder_is_a_sample_where_a_reader_opens_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(name, "slice").write_text("abc")
    Path("m.csv").write_text("id,path\na,one\nb,two\n")
    volumes = {"input": {"mode": "3D", "crop": 8}}
    _, problems = build()
    assert problems == [
        "m.csv: line 2, column path: there is no file 'one'",
        "m.csv: line 3, column path: there is no file 'two'",
    ]
    register(monkeypatch, SliceFolders())
    before = digests(**volumes)
    status = Path("two/slice").stat()
    os.utime("two/slice", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    after = digests(**volumes)
    for step in before:
        assert [one == two for one, two in zip(before[step], after[step], strict=True)] == [True, False], step


def test_a_package_that_a_format_needs_is_missed_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.nrrd", "b.nii"):
        Path(name).write_bytes(b"abc")
    Path("m.csv").write_text("id,path\na,a.nrrd\nb,b.nii\n")
    volumes = {"input": {"mode": "3D", "crop": 8}}
    assert build(**volumes)[1] == []
    real = validation.find_package
    monkeypatch.setattr(validation, "find_package", lambda name: None if name == "SimpleITK" else real(name))
    assert build(**volumes)[1] == [
        "m.csv: names files of NRRD and MetaImage (SimpleITK), and the Python package SimpleITK is not installed: "
        "pip install 'nip-saliency[itk]'"
    ]
