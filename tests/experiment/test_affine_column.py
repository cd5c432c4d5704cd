"""Affines of arrays that the manifest names, against the same volumes in NIfTI."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from saliency.exceptions import InputError
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.readers.volumes import load_volume, sides_known
from saliency.steps.export import save_map
from tests.readers.test_volumes import ORIENTATIONS, in_orientation, noise, preprocessing, scanner

SHAPE = (8, 10, 6)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Volumes as arrays with their affines in another folder, and as NIfTI, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("tables", "arrays", "affines", "scans"):
        Path(name).mkdir()
    for number, stored in enumerate((0, 21, 38)):
        values, affine = in_orientation(noise(*SHAPE), scanner(1, 1.5, 2), ORIENTATIONS[stored])
        np.save(f"arrays/v{number}.npy", values.astype(np.float32))
        np.savetxt(f"affines/{number}.txt", affine)
        nib.save(nib.Nifti1Image(values.astype(np.float32), affine), f"scans/v{number}.nii")
    rows = [f"v{number},../arrays/v{number}.npy,../affines/{number}.txt" for number in range(3)]
    Path("tables/m.csv").write_text("\n".join(["id,path,affine", *rows]) + "\n")
    return {
        "experiment": "e",
        "manifest": "tables/m.csv",
        "input": {"mode": "3D", "crop": list(SHAPE)},
        "models": {"net": {"factory": "torch.nn:Linear"}},
        "shard_size": 2,
    }


def completed(config):
    found, problems = complete_config(yaml.safe_load(yaml.safe_dump(config)))
    assert problems == []
    return Plan(found)


@pytest.mark.parametrize("column", ["affine", "Affine"])
def test_arrays_lie_where_the_manifest_says(config, tmp_path, column):
    manifest = Path("tables/m.csv")
    manifest.write_text(manifest.read_text().replace("affine\n", f"{column}\n", 1))
    plan = completed(config)
    for number, files in enumerate(plan.files(plan.samples, "net")):
        scan = Path(f"scans/v{number}.nii")
        assert sides_known(files["path"])
        np.testing.assert_allclose(load_volume(files["path"]).affine, nib.load(scan).affine, atol=1e-6)
        (values, affine), expected = preprocessing(SHAPE).read(files), preprocessing(SHAPE).read({"path": scan})
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_allclose(affine, expected[1], atol=1e-5)
        # What is exported lies on the array's own voxels, at the scanner's place.
        source = load_volume(files["path"])
        save_map(values, preprocessing(SHAPE).grid(source), source, tmp_path / "map.nii")
        exported = nib.load(tmp_path / "map.nii")
        assert exported.shape == nib.load(scan).shape
        np.testing.assert_allclose(exported.affine, nib.load(scan).affine, atol=1e-5)


def test_a_changed_affine_makes_its_shard_again(config):
    def digests():
        found = Digests(completed(config))
        return [found.of("prepare", "net", shard) for shard in (0, 1)]

    before = digests()
    np.savetxt("affines/2.txt", np.diag([1, 1, 2.5, 1]))
    after = digests()
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_masks_in_arrays_lie_there_too(config):
    np.save("arrays/mask.npy", np.ones(SHAPE, np.uint8))
    Path("tables/m.csv").write_text("id,path,affine,mask\nv0,../arrays/v0.npy,../affines/0.txt,../arrays/mask.npy\n")
    plan = completed(config | {"region": "mask"})
    (files,) = plan.files(plan.samples, "net")
    assert preprocessing(SHAPE).read_mask(files).all()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("v0,../arrays/v0.npy,../affines/gone.txt", "line 2, column affine: there is no file '../affines/gone.txt'"),
        ("v0,../scans/v0.nii,../affines/0.txt",
         "line 2, column affine: '../scans/v0.nii' has its affine in itself or beside it: leave this field empty"),
        ("v0,s3://bucket/v.npy,../affines/0.txt",
         "line 2, column affine: 's3://bucket/v.npy' has its affine in itself or beside it: leave this field empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(config, row, words):
    Path("tables/m.csv").write_text(f"id,path,affine\n{row}\n")
    assert f"tables/m.csv: {words}" in complete_config(config)[1]


def test_fields_may_be_empty_and_images_have_none(config):
    Path("tables/m.csv").write_text("id,path,affine\nv0,../scans/v0.nii,\nv1,../arrays/v1.npy,../affines/1.txt\n")
    plan = completed(config)
    assert plan.samples["path"].tolist() == ["../scans/v0.nii", "../arrays/v1.npy::../affines/1.txt"]
    Path("tables/m.csv").write_text("id,path,affine\na,../arrays/v1.npy,none\n")
    assert completed(config | {"input": {"mode": "2D", "crop": 8}}).samples["path"].tolist() == ["../arrays/v1.npy"]


@pytest.mark.parametrize("text", ["1 0 0\n", "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 2\n", "a b\n"])
def test_what_is_no_affine_costs_its_sample_alone(config, text):
    Path("affines/0.txt").write_text(text)
    plan = completed(config)
    first, second, _ = plan.files(plan.samples, "net")
    with pytest.raises(InputError, match="affine"):
        load_volume(first["path"])
    load_volume(second["path"])
