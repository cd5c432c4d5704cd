"""All of a volume, resampled to a number of voxels: values as torch has them, and nothing moves in millimetres."""

from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from nibabel.affines import apply_affine

from saliency.experiment.config import input_shape
from saliency.experiment.validation import complete_config
from saliency.readers.volumes import load_volume
from saliency.steps.export import save_map
from tests.readers.test_volumes import in_orientation, noise, preprocessing, scanner, write

SHAPE = (9, 12, 7)
# Axes from right to left and so on, and in another order.
STORED = ((2, 0, 1), (True, False, True))


def corners(shape):
    """Outer corners of a grid, in voxels: half a voxel beyond the outermost centres."""
    return np.array(list(product(*((-0.5, size - 0.5) for size in shape))))


@pytest.mark.parametrize("resize", [(6, 8, 5), (18, 24, 14), 8])
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_values_are_those_of_torch(tmp_path, resize, interpolation):
    data = noise(*SHAPE)
    path = write(tmp_path / "v.nii", *in_orientation(data, scanner(0.75, 1.25, 2), STORED))
    values, affine = preprocessing(None, resize=resize, interpolation=interpolation).read({"path": path})
    shape = (resize,) * 3 if isinstance(resize, int) else resize
    mode = {"mode": "trilinear", "align_corners": False} if interpolation == "linear" else {"mode": "nearest-exact"}
    expected = torch.nn.functional.interpolate(torch.from_numpy(data)[None, None], shape, **mode)[0]
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    np.testing.assert_allclose(
        apply_affine(affine, corners(shape)), apply_affine(scanner(0.75, 1.25, 2), corners(SHAPE)), atol=1e-9
    )


def test_values_are_those_of_simpleitk_on_an_oblique_grid(tmp_path):
    path = write(tmp_path / "v.nii", *in_orientation(noise(*SHAPE), scanner(0.75, 1.25, 2, turned=20), STORED))
    values, affine = preprocessing(None, resize=[6, 8, 5]).read({"path": path})
    image, grid = SimpleITK.ReadImage(str(path)), SimpleITK.Image(6, 8, 5, SimpleITK.sitkFloat32)
    # DICOM's axes run to the left and to the back.
    axes, begin = np.diag([-1.0, -1, 1]) @ affine[:3, :3], np.array([-1.0, -1, 1]) * affine[:3, 3]
    sizes = np.linalg.norm(axes, axis=0)
    grid.SetSpacing(sizes.tolist())
    grid.SetOrigin(begin.tolist())
    grid.SetDirection((axes / sizes).ravel().tolist())
    expected = SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, grid, SimpleITK.Transform(), SimpleITK.sitkLinear))
    np.testing.assert_allclose(values[0], expected.T, rtol=1e-3)


def test_mask_follows_by_nearest_voxels(tmp_path):
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[3:6, 4:8, 2:5] = 3
    affine = scanner(1, 1, 1)
    files = {"path": write(tmp_path / "v.nii", noise(*SHAPE), affine), "mask": write(tmp_path / "m.nii", mask, affine)}
    found = preprocessing(None, resize=[3, 6, 7], mask_values=[3]).read_mask(files)
    # Centres of three voxels along x, and between two along y, whose masks are alike.
    np.testing.assert_array_equal(found, (mask == 3)[1::3, ::2])


def test_maps_go_back_to_where_the_file_lies(tmp_path):
    path = write(tmp_path / "v.nii", *in_orientation(noise(*SHAPE), scanner(0.75, 1.25, 2, turned=20), STORED))
    source = load_volume(path)
    grid = preprocessing(None, resize=[18, 24, 14]).grid(source)
    # A ramp of millimetres is a ramp on any grid.
    where = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    save_map(apply_affine(grid.affine, where)[np.newaxis, ..., 1], grid, source, tmp_path / "map.nii.gz")
    found = nib.load(tmp_path / "map.nii.gz")
    assert found.shape == source.shape
    np.testing.assert_allclose(
        apply_affine(found.affine, corners(found.shape)), apply_affine(source.affine, corners(source.shape)), atol=1e-4
    )
    voxels = np.stack(np.meshgrid(*map(np.arange, found.shape), indexing="ij"), axis=-1)
    np.testing.assert_allclose(found.get_fdata(), apply_affine(source.affine, voxels)[..., 1], atol=1e-3)


def test_crop_is_cut_out_of_what_is_resized(tmp_path):
    data = noise(8, 8, 8)
    path = write(tmp_path / "v.nii", data)
    values, affine = preprocessing([2, 4, 6], resize=4).read({"path": path})
    halved = data.reshape(4, 2, 4, 2, 4, 2).mean((1, 3, 5))
    np.testing.assert_allclose(values[0, ..., 1:5], halved[1:3], rtol=1e-5)
    np.testing.assert_array_equal(values[0, ..., [0, 5]], 0)
    np.testing.assert_allclose(affine @ [0, 0, 1, 1], [2.5, 0.5, 0.5, 1])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "input: all samples must get one shape: set crop, or resize"),
        ({"resize": 8, "voxel_size": 2}, "input: has resize and voxel_size, which both say how large voxels become: "),
    ],
)
def test_config_says_one_shape(tmp_path, monkeypatch, keys, words):
    monkeypatch.chdir(tmp_path)
    Path("m.csv").write_text("id,path\na,m.csv\n")
    config = {"experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "torch.nn:Linear"}}}
    (problem,) = complete_config({**config, "input": {"mode": "3D", **keys}})[1]
    assert problem.startswith(f"config: {words}")
    completed, problems = complete_config({**config, "input": {"mode": "3D", "resize": [4, 5, 6]}})
    assert (problems, input_shape(completed, "net")) == ([], (1, 4, 5, 6))
