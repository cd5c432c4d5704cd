"""From files to the network's grid and back; every voxel is followed by its position in millimetres."""

import os
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from saliency.readers.volumes import VolumePreprocessing, load_volume
from saliency.steps.export import save_map
from tests.helpers.workflow_project import ROOT

ORIENTATIONS = list(product(permutations(range(3)), product((False, True), repeat=3)))
DATA = Path(os.environ.get("SALIENCY_TEST_DATA", ROOT.parent / "shared" / "data")) / "orientations"


def code(orientation):
    """The usual three letters, for test names: "LPS" runs to the left, the back and upwards."""
    order, flipped = orientation
    return "".join(("RAS", "LPI")[flip][axis] for axis, flip in zip(order, flipped, strict=True))


def in_orientation(data, affine, orientation):
    """A volume that is given in RAS order, with its axes in another order and some of them turned round."""
    order, flipped = orientation
    to_ras = np.zeros((4, 4))
    to_ras[3, 3] = 1
    for axis, (ras_axis, flip) in enumerate(zip(order, flipped, strict=True)):
        to_ras[ras_axis, axis] = -1 if flip else 1
        to_ras[ras_axis, 3] = data.shape[ras_axis] - 1 if flip else 0
    stored = np.flip(data.transpose(order), [axis for axis in range(3) if flipped[axis]])
    return np.ascontiguousarray(stored), affine @ to_ras


def scanner(*voxel_size, turned=0):
    """An affine in RAS order, rotated about the first and the last axis by some degrees."""
    sine, cosine = np.sin(np.radians(turned)), np.cos(np.radians(turned))
    about_x = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    about_z = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag(voxel_size)
    affine[:3, 3] = -20.5, 7.25, 31
    return affine


def preprocessing(crop, **changes):
    settings = {
        "channels": 1,
        "voxel_size": None,
        "interpolation": "linear",
        "intensity": "none",
        "intensity_over": "all",
        "percentiles": [10, 90],
    }
    return VolumePreprocessing(crop=crop, **settings | changes)


def write(path, data, affine=None, kind=nib.Nifti1Image):
    nib.save(kind(data, np.eye(4) if affine is None else affine), path)
    return path


def noise(*shape):
    return np.random.default_rng(0).uniform(1, 100, shape).astype(np.float32)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=code)
def test_every_orientation_reads_to_the_same_array(tmp_path, orientation):
    # The affine's numbers are short in binary, so that a NIfTI header holds them, and all shifts, exactly.
    data, affine = noise(5, 7, 6), scanner(0.75, 1.25, 2)
    path = write(tmp_path / "v.nii.gz", *in_orientation(data, affine, orientation))
    assert "".join(nib.aff2axcodes(nib.load(path).affine)) == code(orientation)
    values, found = preprocessing([5, 7, 6]).read({"path": path})
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, data[np.newaxis])
    np.testing.assert_array_equal(found, affine)

    # An odd number of surplus or missing voxels falls to one side, which must not depend on the order in the file.
    values, found = preprocessing([2, 10, 6]).read({"path": path})
    padded = np.pad(data[1:3], [(0, 0), (2, 1), (0, 0)])
    np.testing.assert_array_equal(values, padded[np.newaxis])
    np.testing.assert_array_equal(apply_affine(found, [0, 2, 0]), apply_affine(affine, [1, 0, 0]))
    np.testing.assert_array_equal(found[:3, :3], affine[:3, :3])

    straight = write(tmp_path / "ras.nii.gz", data, affine)
    for interpolation in ("nearest", "linear", "cubic"):
        resampling = preprocessing([4, 8, 9], voxel_size=[1, 1.5, 1.25], interpolation=interpolation)
        (values, found), (expected, there) = (resampling.read({"path": name}) for name in (path, straight))
        np.testing.assert_allclose(values, expected, rtol=1e-5)
        np.testing.assert_allclose(found, there, atol=1e-12)


CASES = [
    *((orientation, 0) for orientation in ORIENTATIONS),
    *((ORIENTATIONS[number], 20) for number in (0, 13, 29, 47)),
]
CASE_NAMES = [f"{code(orientation)}{'-oblique' if turned else ''}" for orientation, turned in CASES]


def write_with_header(path, orientation, turned, number):
    """A file of integers whose header says as much as a header can."""
    data, affine = in_orientation(noise(5, 7, 6), scanner(0.9, 1.1, 2, turned=turned), orientation)
    image = nib.Nifti1Image(data.astype(np.int16), affine)
    qform, sform = [(1, 2), (0, 4), (3, 0)][number % 3]
    image.set_qform(affine, qform)
    image.set_sform(affine, sform)
    image.header.set_xyzt_units("mm", "msec")
    image.header["cal_max"] = 1000
    nib.save(image, path)
    return path


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_saved_map_lies_on_the_grid_of_the_file(tmp_path, case):
    path, output = write_with_header(tmp_path / "v.nii.gz", *case, CASES.index(case)), tmp_path / "map.nii.gz"
    source = load_volume(path)
    for voxel_size in (None, 1.5):
        grid = preprocessing([4, 9, 5], voxel_size=voxel_size).grid(source)
        values = noise(4, 9, 5)
        save_map(values[np.newaxis], grid, source, output)
        saved = nib.load(output)
        assert saved.shape == source.shape
        np.testing.assert_array_equal(saved.affine, source.affine)
        assert saved.get_data_dtype() == np.float32
        assert saved.header.get_xyzt_units() == ("mm", "msec")
        for field in ("qform_code", "sform_code", "pixdim"):
            np.testing.assert_array_equal(saved.header[field], source.header[field])
        assert saved.header["cal_max"] == 0
        if voxel_size is None:
            # Where each of the network's voxels lies in the file, by way of the millimetres.
            voxels = np.indices(values.shape).reshape(3, -1).T
            there = np.linalg.inv(source.affine) @ grid.affine
            at = apply_affine(there, voxels).round().astype(int)
            np.testing.assert_allclose(apply_affine(there, voxels), at, atol=1e-4)
            inside = ((at >= 0) & (at < source.shape)).all(axis=1)
            assert inside.sum() == 4 * 7 * 5
            expected = np.zeros(source.shape, dtype=np.float32)
            expected[tuple(at[inside].T)] = values[tuple(voxels[inside].T)]
            np.testing.assert_array_equal(saved.get_fdata(dtype=np.float32), expected)


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_map_lands_on_its_millimetre(tmp_path, case):
    orientation, turned = case
    stored = in_orientation(noise(20, 16, 10), scanner(0.9, 1.1, 2, turned=turned), orientation)
    path, output = write(tmp_path / "v.nii", *stored), tmp_path / "map.nii"
    # 18 x 17.6 x 20 mm become 12 x 12 x 13 voxels, of which the first axis is cropped and the last one padded.
    grid = preprocessing([9, 12, 16], voxel_size=1.5).grid(load_volume(path))
    assert grid.resampled_shape == (12, 12, 13)
    for voxel in [(4, 5, 7), (1, 9, 11), (7, 2, 4)]:
        values = np.zeros((1, 9, 12, 16), dtype=np.float32)
        values[0][voxel] = 1
        save_map(values, grid, load_volume(path), output)
        saved = nib.load(output)
        weights = saved.get_fdata()
        positions = apply_affine(saved.affine, np.moveaxis(np.indices(weights.shape), 0, -1))
        centre = (positions * weights[..., np.newaxis]).sum((0, 1, 2)) / weights.sum()
        assert np.linalg.norm(centre - apply_affine(grid.affine, voxel)) < 0.75


def test_map_reaches_the_rim_of_the_file(tmp_path):
    """Centres of the outermost voxels of the file lie beyond those of the larger ones that the network saw."""
    source, output = load_volume(write(tmp_path / "v.nii", noise(12, 9, 10))), tmp_path / "map.nii"
    save_map(np.ones((1, 4, 3, 5)), preprocessing([4, 3, 5], voxel_size=[3, 3, 2]).grid(source), source, output)
    np.testing.assert_allclose(nib.load(output).get_fdata(), 1, rtol=1e-6)


@pytest.mark.parametrize(("have", "want"), list(product((4, 5), (2, 3, 4, 5, 6, 7))))
def test_crop_and_padding_keep_every_voxel_on_its_millimetre(tmp_path, have, want):
    affine = scanner(0.75, 1.25, 2)
    for voxel in product((1, 2), repeat=3):
        data = np.zeros((have, have, have), dtype=np.float32)
        data[voxel] = 7
        values, found = preprocessing(want).read({"path": write(tmp_path / "v.nii", data, affine)})
        assert values.sum() == 7
        brightest = np.unravel_index(values[0].argmax(), values[0].shape)
        np.testing.assert_array_equal(apply_affine(found, brightest), apply_affine(affine, voxel))
        # Centre on centre, to within the half voxel that cannot be had.
        middle = apply_affine(found, np.full(3, (want - 1) / 2))
        shift = (middle - apply_affine(affine, np.full(3, (have - 1) / 2))) / [0.75, 1.25, 2]
        np.testing.assert_array_equal(np.abs(shift), (have - want) % 2 / 2)


@pytest.mark.parametrize("shape", [(10, 9, 7), (11, 8, 6)])
@pytest.mark.parametrize("voxel_size", [0.5, 1.5, 2, [3, 1.25, 0.7]])
@pytest.mark.parametrize("turned", [0, 20])
def test_resampled_volume_shares_the_centre_of_the_file(tmp_path, shape, voxel_size, turned):
    affine = scanner(0.9, 1.1, 2, turned=turned)
    path = write(tmp_path / "v.nii", noise(*shape), affine)
    grid = preprocessing(4, voxel_size=voxel_size).grid(load_volume(path))
    centres = (
        apply_affine(where, (np.array(shape) - 1) / 2)
        for where, shape in [(grid.resampled_affine, grid.resampled_shape), (affine, shape)]
    )
    np.testing.assert_allclose(*centres, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(grid.affine[:3, :3], axis=0), np.broadcast_to(voxel_size, 3), rtol=1e-6)


def test_ramp_has_the_expected_values_after_resampling(tmp_path):
    ramp = np.broadcast_to(np.arange(16, dtype=np.float32)[:, np.newaxis, np.newaxis], (16, 4, 4))
    path = write(tmp_path / "v.nii", np.ascontiguousarray(ramp))
    values, _ = preprocessing([8, 2, 2], voxel_size=2).read({"path": path})
    # A voxel of 2 mm covers two of 1 mm and has its centre between theirs.
    np.testing.assert_allclose(values[0, :, 1, 1], np.arange(8) * 2 + 0.5, rtol=1e-6)
    values, _ = preprocessing([32, 8, 8], voxel_size=0.5).read({"path": path})
    # The outermost halves of voxels continue the outermost values.
    np.testing.assert_allclose(values[0, :, 3, 3], (np.arange(32) / 2 - 0.25).clip(0, 15), rtol=1e-6)


def test_voxel_size_of_the_file_changes_nothing(tmp_path):
    data = noise(6, 5, 4)
    path = write(tmp_path / "v.nii", data, scanner(0.9, 1.1, 2, turned=20))
    kept, there = preprocessing([6, 5, 4]).read({"path": path})
    values, found = preprocessing([6, 5, 4], voxel_size=[0.9, 1.1, 2]).read({"path": path})
    np.testing.assert_array_equal(kept[0], data)
    np.testing.assert_allclose(values, kept, rtol=1e-4)
    np.testing.assert_allclose(found, there, atol=1e-5)


@pytest.mark.skipif(not DATA.is_dir(), reason="no sample of orientations; SALIENCY_TEST_DATA names its folder")
@pytest.mark.parametrize(("voxel_size", "crop"), [(None, [64, 79, 67]), (2, [70, 90, 75])])
def test_real_brain_reads_the_same_from_24_orientations(voxel_size, crop):
    files = sorted(DATA.glob("*.nii.gz"))
    assert len(files) == 24
    reader = preprocessing(crop, voxel_size=voxel_size)
    (first, affine), *others = (reader.read({"path": path}) for path in files)
    assert len(np.unique(first)) > 100
    for values, found in others:
        # The headers' translations were rounded to float32 after the flips.
        np.testing.assert_allclose(found, affine, atol=1e-4)
        np.testing.assert_allclose(values, first, atol=0 if voxel_size is None else 0.01)
