"""Two files of a sample lie on one grid or not: judged by their corners, in voxels."""

import logging

import nibabel as nib
import numpy as np
import pytest

from saliency.exceptions import InputError, Status
from saliency.readers.same_grid import corner_distance
from tests.readers.test_volumes import noise, preprocessing, scanner, write

READER = preprocessing(4, channels=["a", "b"])


def second(tmp_path, affine, shape=(300, 4, 5), first=None):
    first = np.diag([1.5, 1, 2, 1]) if first is None else first
    return {
        "path_a": write(tmp_path / "a.nii", noise(*shape), first),
        "path_b": write(tmp_path / "b.nii", noise(*shape), affine),
    }


@pytest.mark.parametrize(
    ("shift", "stretch", "logged"),
    # Shifts in mm along an axis of 1.5 mm, and what the voxel size is too large by: the last corner is 299 voxels away.
    [(0, 0, False), (0.001, 0, False), (0.003, 0, True), (0.14, 0, True), (0, 4e-4, True)],
)
def test_less_than_a_tenth_of_a_voxel_is_one_grid(tmp_path, caplog, shift, stretch, logged):
    affine = np.diag([1.5 + stretch, 1, 2, 1])
    affine[0, 3] = shift
    with caplog.at_level(logging.INFO):
        READER.read(second(tmp_path, affine))
    assert ("b.nii: its corners are up to" in caplog.text) == logged


@pytest.mark.parametrize(
    ("shift", "stretch", "far"), [(0.18, 0, "0.12"), (-0.18, 0, "0.12"), (0, 9e-4, "0.18"), (0, -9e-4, "0.18")]
)
def test_a_far_corner_is_refused(tmp_path, shift, stretch, far):
    affine = np.diag([1.5 + stretch, 1, 2, 1])
    affine[0, 3] = shift
    with pytest.raises(InputError, match=f"path_b: .* corners are up to {far} voxels off, more than 0.1") as caught:
        READER.read(second(tmp_path, affine))
    assert caught.value.status == Status.WRONG_SHAPE


def test_distance_is_in_voxels_of_the_first_file_whatever_way_it_is_turned():
    shape, affine = (11, 21, 31), scanner(0.5, 1, 4, turned=30)
    # One degree about the origin of the voxels: 30 voxels of 4 mm away, 2.09 mm, which are 4.19 voxels of 0.5 mm.
    sine, cosine = np.sin(np.radians(1)), np.cos(np.radians(1))
    turn = np.diag([0.5, 1, 4, 1]) @ np.eye(4)
    rotation = np.array([[cosine, 0, sine, 0], [0, 1, 0, 0], [-sine, 0, cosine, 0], [0, 0, 0, 1]])
    other = affine @ np.linalg.inv(turn) @ rotation @ turn
    assert corner_distance(shape, affine, affine) == 0
    expected = (120 * sine + 0 * cosine) / 0.5
    assert corner_distance(shape, affine, other) == pytest.approx(expected, rel=1e-6)


def test_mask_a_little_off_is_read(tmp_path, caplog):
    mask = np.zeros((6, 5, 4), np.uint8)
    mask[1:3] = 1
    affine = np.eye(4)
    affine[1, 3] = 0.002
    files = {"path": write(tmp_path / "v.nii", noise(6, 5, 4)), "mask": write(tmp_path / "m.nii", mask, affine)}
    with caplog.at_level(logging.INFO):
        found = preprocessing([6, 5, 4]).read_mask(files)
    np.testing.assert_array_equal(found, mask == 1)
    assert "m.nii: its corners are up to 0.002 voxels off" in caplog.text


def scaled(path, labels, **dtype):
    nib.save(nib.Nifti1Image(labels.astype(np.float64), np.eye(4), dtype=np.uint8), path)
    return path


@pytest.mark.parametrize("labels", [[0, 1, 2, 12], [0, 3, 7, 41], [0, 1, 100, 201]])
def test_labels_stored_as_scaled_integers_are_whole_again(tmp_path, labels):
    """Written as floating point into 8 bits, nibabel scales them: 1 becomes 0.988."""
    values = np.random.default_rng(0).choice(labels, (6, 5, 4))
    files = {"path": write(tmp_path / "v.nii", noise(6, 5, 4)), "mask": scaled(tmp_path / "m.nii", values)}
    assert nib.load(files["mask"]).dataobj.slope != 1
    for label in labels[1:]:
        found = preprocessing([6, 5, 4], mask_values=[label]).read_mask(files)
        np.testing.assert_array_equal(found, values == label)
    np.testing.assert_array_equal(preprocessing([6, 5, 4]).read_mask(files), values != 0)


def test_labels_that_are_no_whole_numbers_are_refused(tmp_path):
    values = np.random.default_rng(0).choice([0, 1, 3, 700], (6, 5, 4))
    files = {"path": write(tmp_path / "v.nii", noise(6, 5, 4)), "mask": scaled(tmp_path / "m.nii", values)}
    with pytest.raises(InputError, match=r"mask: mask holds .*, scaled by 2.7\d+, .* no whole numbers, .*integers"):
        preprocessing([6, 5, 4], mask_values=[1]).read_mask(files)
    probabilities = write(tmp_path / "p.nii", np.where(values == 1, 0.3, 0).astype(np.float32))
    with pytest.raises(InputError, match=r"mask holds 0\.3 and other labels"):
        preprocessing([6, 5, 4], mask_values=[1]).read_mask(files | {"mask": probabilities})
    found = preprocessing([6, 5, 4]).read_mask(files | {"mask": probabilities})
    np.testing.assert_array_equal(found, values == 1)
