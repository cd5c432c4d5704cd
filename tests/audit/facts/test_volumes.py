"""Facts of volumes against what nibabel wrote."""

import nibabel as nib
import numpy as np
import pytest

from saliency.audit.leakage.fact_table import read_facts
from saliency.exceptions import InputError


def test_what_nibabel_wrote_is_read(tmp_path):
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    affine = np.diag([-1.0, 2.0, 0.5, 1.0])
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "a.nii")
    found = read_facts(tmp_path / "a.nii", "3D")
    assert found == {
        "bytes": 352 + values.nbytes,
        **{"intensity_min": 0, "intensity_p1": pytest.approx(1.19), "intensity_median": 59.5},
        **{"intensity_p99": pytest.approx(117.81), "intensity_max": 119},
        **{"shape_i": 4, "shape_j": 5, "shape_k": 6, "volumes": 1},
        **{"voxel_size_i": 1.0, "voxel_size_j": 2.0, "voxel_size_k": 0.5},
        **{"orientation": "LAS", "data_type": "int16"},
    }


def test_intensities_are_scaled_as_the_header_says_and_finite(tmp_path):
    image = nib.Nifti1Image(np.full((2, 2, 2, 3), 10, dtype=np.uint8), np.eye(4))
    image.header.set_slope_inter(2, 1)
    nib.save(image, tmp_path / "a.nii.gz")
    found = read_facts(tmp_path / "a.nii.gz", "3D")
    assert (found["intensity_median"], found["volumes"], found["data_type"]) == (21, 3, "uint8")
    nib.save(nib.Nifti1Image(np.array([[[1, 2, np.nan, np.inf]]], dtype=np.float32), np.eye(4)), tmp_path / "b.nii")
    assert read_facts(tmp_path / "b.nii", "3D")["intensity_max"] == 2


def test_a_volume_that_ends_too_early_is_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((9, 9, 9)), np.eye(4)), tmp_path / "a.nii.gz")
    (tmp_path / "a.nii.gz").write_bytes((tmp_path / "a.nii.gz").read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be decoded"):
        read_facts(tmp_path / "a.nii.gz", "3D")


def test_what_lies_in_a_file_with_others_has_no_size_of_its_own(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scans"] = np.arange(2 * 4 * 5 * 6, dtype=np.float32).reshape(2, 4, 5, 6)
    found = read_facts(tmp_path / "a.h5::/scans#1", "3D")
    assert found["bytes"] is None
    assert (found["shape_k"], found["intensity_min"]) == (6, 120)
