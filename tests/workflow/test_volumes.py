"""A real Snakemake run on volumes: from files in different orientations to maps in the voxels of those files."""

import captum.attr
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from nibabel.affines import apply_affine
from torch.nn import functional

from saliency import open_maps
from saliency.networks.load import load_model
from saliency.readers.volumes import load_volume
from tests.helpers.networks import guided_oracle
from tests.helpers.workflow_project import Project
from tests.readers.test_volumes import ORIENTATIONS, in_orientation, preprocessing, scanner

pytestmark = pytest.mark.slow

NETWORK = '''
import torch
from torch import nn


class Network(nn.Module):
    """Two convolutions, two channels, three classes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(2, 6, 3, stride=2)
        self.second = nn.Conv3d(6, 6, 3)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.head(x.mean((2, 3, 4)))
'''
CROP, METHODS = (16, 16, 12), ("guided_backprop", "gradcam", "guided_gradcam")
# Shape and voxel size along the RAS axes, orientation in the file, degrees; the last two lose one file each. No length
# is an odd number of mm, whose half rounds either way.
VOLUMES = {
    "v0": ((40, 36, 30), (1, 1, 1), ORIENTATIONS[0], 0),
    "v1": ((32, 24, 14), (0.9, 1.5, 2.6), ORIENTATIONS[21], 0),
    "v2": ((18, 28, 20), (1.2, 1.1, 1.3), ORIENTATIONS[38], 20),
    "no_second": ((30, 28, 20), (1, 1, 1), ORIENTATIONS[11], 0),
    "no_first": ((20, 22, 24), (1, 1, 1), ORIENTATIONS[30], 0),
}
GOOD = ["v0", "v1", "v2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("volumes"))
    data = project.folder / "data"
    data.mkdir()
    (project.folder / "volume_network.py").write_text(NETWORK)
    generator = np.random.default_rng(0)
    rows = ["id,path_a,path_b,label"]
    for number, (name, (shape, voxel_size, orientation, turned)) in enumerate(VOLUMES.items()):
        for channel in "ab":
            volume = generator.gamma(2, 100, shape).astype(np.float32)
            stored, affine = in_orientation(volume, scanner(*voxel_size, turned=turned), orientation)
            nib.save(nib.Nifti1Image(stored, affine), data / f"{name}_{channel}.nii.gz")
        rows.append(f"{name},{name}_a.nii.gz,{name}_b.nii.gz,{number % 3}")
    project.manifest.write_text("\n".join(rows) + "\n")
    for name, channel in [("no_second", "b"), ("no_first", "a")]:
        path = data / f"{name}_{channel}.nii.gz"
        path.write_bytes(path.read_bytes()[:100])
    project.write_config(
        input={"mode": "3D", "channels": ["a", "b"], "voxel_size": 2, "crop": list(CROP)},
        models={"tiny": {"factory": "volume_network:Network", "target_layer": "second"}},
        execution="fused",
        on_error="skip",
        shard_size=3,
        export="all",
        plots={"count": 1, "contact_sheets": ["first"]},
    )
    project.run()
    return project


def exported(project, name, method):
    return nib.load(project.results / "tiny" / "nifti" / "predicted" / name / f"{method}.nii.gz")


def original(project, name, channel="a"):
    return project.folder / "data" / f"{name}_{channel}.nii.gz"


def test_store_has_positions_and_named_axes(finished):
    maps = open_maps(finished.store)
    assert maps.ids == list(VOLUMES)
    assert maps["status"][...].tolist() == [0, 0, 0, 2, 2]
    names = {array: maps[array].metadata.dimension_names for array in ("inputs", "affine", "predicted/gradcam")}
    assert names == {
        "inputs": ("sample", "channel", "x", "y", "z"),
        "affine": ("sample", "affine_row", "affine_column"),
        "predicted/gradcam": ("sample", "feature_x", "feature_y", "feature_z"),
    }
    assert maps["inputs"].shape == (5, 2, *CROP)
    affines = maps["affine"][...]
    assert np.isnan(affines[3:]).all()
    for row, name in enumerate(GOOD):
        shape, voxel_size, _, turned = VOLUMES[name]
        directions = scanner(1, 1, 1, turned=turned)[:3, :3]
        np.testing.assert_allclose(affines[row, :3, :3], 2 * directions, atol=1e-5)
        # Centre on centre, to within half a network voxel per axis where the numbers of voxels differ by an odd one.
        middle = apply_affine(scanner(*voxel_size, turned=turned), (np.array(shape) - 1) / 2)
        difference = directions.T @ (apply_affine(affines[row], (np.array(CROP) - 1) / 2) - middle)
        surplus = np.round(np.array(shape) * voxel_size / 2) - CROP
        np.testing.assert_allclose(np.abs(difference), surplus % 2, atol=1e-4)


def test_maps_equal_an_independent_computation(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    maps = open_maps(finished.store)
    model = load_model("volume_network:Network", {}, None)
    x = torch.from_numpy(maps["inputs"][:3])
    logits = model(x).detach()
    classes = logits.argmax(1)
    np.testing.assert_allclose(maps["logits"][:3], logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(maps["predicted/class"][...], [*classes, -1, -1])
    cam = captum.attr.LayerGradCam(model, model.second).attribute(x, classes, relu_attributions=True)
    np.testing.assert_allclose(maps["predicted/gradcam"][:3], cam[:, 0].detach(), rtol=1e-4, atol=1e-7)

    def spelled_as_the_oracle_needs_it(x):
        return model.head(functional.relu(model.second(functional.relu(model.first(x)))).mean((2, 3, 4)))

    guided = guided_oracle(monkeypatch, spelled_as_the_oracle_needs_it, x, classes)
    np.testing.assert_allclose(maps["predicted/guided_backprop"][:3], guided, rtol=1e-4, atol=1e-7)
    enlarged = functional.interpolate(cam, CROP, mode="trilinear", align_corners=False)
    product = (guided * enlarged).detach()
    assert product.abs().max() > 0
    np.testing.assert_allclose(maps["predicted/guided_gradcam"][:3], product, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("method", METHODS)
def test_exported_maps_lie_on_the_original_grid(finished, name, method):
    maps, source = open_maps(finished.store), load_volume(original(finished, name))
    saved = exported(finished, name, method)
    channels = () if method == "gradcam" else (2,)
    assert saved.shape == (*source.shape, *channels)
    np.testing.assert_array_equal(saved.affine, source.affine)
    stored = torch.from_numpy(maps[f"predicted/{method}"][maps.row(name)])
    if method == "gradcam":
        stored = functional.interpolate(stored[None, None], CROP, mode="trilinear", align_corners=False)[0]
    grid = preprocessing(CROP, voxel_size=2).grid(source)
    values = saved.get_fdata(dtype=np.float32).reshape(*source.shape, -1)
    for channel, expected in enumerate(stored.numpy()):
        assert np.abs(expected).max() > 0
        scale = np.abs(expected).max()
        np.testing.assert_allclose(values[..., channel], grid.to_original(expected), rtol=1e-5, atol=1e-6 * scale)


def test_broken_volumes_are_listed_and_exported_as_nan(finished):
    errors = pd.read_csv(finished.results / "errors.csv")
    problems = errors.pop("problem")
    for problem, column in zip(problems, ["path_b", "path_a"], strict=True):
        assert problem.startswith(f"{column}: cannot be read as a volume (")
        assert problem.endswith("): replace the file or remove the row")
    assert errors.to_dict("records") == [
        {
            "model": "tiny",
            "id": name,
            "path_a": f"{name}_a.nii.gz",
            "path_b": f"{name}_b.nii.gz",
            "status": "the file cannot be decoded",
        }
        for name in ("no_second", "no_first")
    ]
    source = nib.load(original(finished, "no_second"))
    # Where the network would have looked, by way of the millimetres.
    grid = preprocessing(CROP, voxel_size=2).grid(source)
    voxels = np.moveaxis(np.indices(source.shape), 0, -1)
    seen = apply_affine(np.linalg.inv(grid.affine) @ source.affine, voxels)
    inside = ((seen >= 0) & (seen <= np.array(CROP) - 1)).all(axis=-1)
    assert inside.any()
    for method in METHODS:
        saved = exported(finished, "no_second", method)
        assert saved.shape[:3] == source.shape
        np.testing.assert_array_equal(saved.affine, source.affine)
        assert np.isnan(saved.get_fdata()[inside]).all()
        # Of this sample, the file that holds the grid is the broken one.
        assert np.isnan(exported(finished, "no_first", method).get_fdata()).all()


def test_figures(finished):
    figures = finished.results / "tiny" / "figures" / "predicted"
    found = {str(path.relative_to(figures)) for path in figures.rglob("*.png") if path.stat().st_size > 5000}
    assert found == {"samples/v0.png", "montages/v0.png", "contact-sheet_first.png"}


def test_nothing_to_be_done_after_a_run(finished):
    assert "Nothing to be done" in finished.run()
