"""Channels, intensities and file formats of volumes."""

import nibabel as nib
import numpy as np
import pytest

from saliency.exceptions import InputError, Status
from saliency.readers.volumes import load_volume
from saliency.steps.export import save_map
from tests.readers.test_volumes import noise, preprocessing, scanner, write

# Values 0, 1, …, 101: n successive integers have the variance (n² - 1) / 12, and percentiles between them are linear.
STEPS = np.arange(102, dtype=np.float64)
NONZERO, MASK = STEPS > 0, STEPS <= 50
EXPECTED = {
    ("zscore", "all"): (STEPS - 50.5) / np.sqrt((102**2 - 1) / 12),
    ("zscore", "nonzero"): NONZERO * (STEPS - 51) / np.sqrt((101**2 - 1) / 12),
    ("zscore", "mask"): MASK * (STEPS - 25) / np.sqrt((51**2 - 1) / 12),
    ("minmax", "all"): STEPS / 101,
    ("minmax", "nonzero"): NONZERO * (STEPS - 1) / 100,
    ("minmax", "mask"): MASK * STEPS / 50,
    ("percentile", "all"): (STEPS.clip(10.1, 90.9) - 10.1) / 80.8,
    ("percentile", "nonzero"): NONZERO * (STEPS.clip(11, 91) - 11) / 80,
    ("percentile", "mask"): MASK * (STEPS.clip(5, 45) - 5) / 40,
    ("window", "all"): (STEPS.clip(10, 60) - 10) / 50,
    # Voxels of 0 are as good as others.
    ("window", "nonzero"): (STEPS.clip(-10, 40) + 10) / 50,
    ("window", "mask"): MASK * (STEPS.clip(10, 60) - 10) / 50,
    ("none", "all"): STEPS,
}


@pytest.mark.parametrize("mask_shape", [(102, 1, 1), (102, 1, 1, 1)])
@pytest.mark.parametrize(("intensity", "over"), EXPECTED)
def test_intensity(tmp_path, intensity, over, mask_shape):
    files = {"path": write(tmp_path / "v.nii", STEPS.reshape(102, 1, 1).astype(np.int16))}
    if over == "mask":
        files["mask"] = write(tmp_path / "mask.nii", MASK.reshape(mask_shape).astype(np.uint8))
    window = ([-10, 40] if over == "nonzero" else [10, 60]) if intensity == "window" else None
    values, _ = preprocessing([104, 3, 3], intensity=intensity, intensity_over=over, window=window).read(files)
    expected = np.zeros((1, 104, 3, 3))
    expected[0, 1:103, 1, 1] = EXPECTED[intensity, over]
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_mask_is_resampled_with_the_volume(tmp_path):
    data, mask = noise(12, 10, 8), np.zeros((12, 10, 8), dtype=np.uint8)
    mask[4:8, 4:8, 2:6] = 1
    files = {"path": write(tmp_path / "v.nii", data), "mask": write(tmp_path / "mask.nii", mask)}
    reader = preprocessing([6, 5, 4], voxel_size=2, intensity="minmax", intensity_over="mask")
    values, _ = reader.read(files)
    # Each new voxel is the mean of 2 x 2 x 2 old ones, and the mask's borders lie between new voxels.
    halved = data.reshape(6, 2, 5, 2, 4, 2).mean((1, 3, 5))
    inside = halved[2:4, 2:4, 1:3]
    expected = np.zeros((6, 5, 4))
    expected[2:4, 2:4, 1:3] = (inside - inside.min()) / (inside.max() - inside.min())
    np.testing.assert_allclose(values[0], expected, atol=1e-5)


def test_resampled_mask_follows_the_borders_of_its_voxels(tmp_path):
    ramp = np.arange(4, dtype=np.float32).reshape(4, 1, 1)
    mask = np.array([0, 1, 1, 0], dtype=np.uint8).reshape(4, 1, 1)
    files = {"path": write(tmp_path / "v.nii", ramp), "mask": write(tmp_path / "mask.nii", mask)}
    reader = preprocessing([12, 1, 1], voxel_size=[1 / 3, 1, 1], intensity="minmax", intensity_over="mask")
    values, _ = reader.read(files)
    # Three new voxels in each old one.
    np.testing.assert_allclose(values.ravel(), [0] * 3 + [0, 0.2, 0.4, 0.6, 0.8, 1] + [0] * 3, atol=1e-6)


def test_channels_from_two_files_are_scaled_each_by_itself(tmp_path):
    data = noise(5, 4, 3)
    files = {
        "path_t1": write(tmp_path / "t1.nii", data),
        "path_flair": write(tmp_path / "flair.nii.gz", (1000 - 5 * data)),
    }
    reader = preprocessing([5, 4, 3], channels=["t1", "flair"], intensity="minmax")
    values, _ = reader.read(files)
    assert values.shape == (2, 5, 4, 3)
    expected = (data - data.min()) / (data.max() - data.min())
    np.testing.assert_allclose(values, [expected, 1 - expected], atol=1e-5)


def test_channels_from_the_fourth_axis(tmp_path):
    data, affine = noise(5, 4, 3, 2), np.diag([-1.0, 1, 2, 1])
    path = write(tmp_path / "v.nii", data, affine)
    reader = preprocessing([5, 4, 3], channels=2)
    values, _ = reader.read({"path": path})
    np.testing.assert_array_equal(values, np.moveaxis(data[::-1], -1, 0))
    source = load_volume(path)
    save_map(values, reader.grid(source), source, tmp_path / "map.nii")
    np.testing.assert_array_equal(nib.load(tmp_path / "map.nii").get_fdata(dtype=np.float32), data)
    single = write(tmp_path / "single.nii", data[..., :1], affine)
    np.testing.assert_array_equal(preprocessing([5, 4, 3]).read({"path": single})[0][0], data[::-1, :, :, 0])


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((5, 4, 3, 2), 1, r"shape \(5, 4, 3, 2\), that is 2 instead of 1 per file: set input.channels, or split"),
        ((5, 4, 3, 2), 3, "2 instead of 3 per file"),
        ((5, 4, 3), 2, "1 instead of 2 per file"),
    ],
)
def test_wrong_number_of_channels(tmp_path, shape, channels, message):
    with pytest.raises(InputError, match=message) as caught:
        preprocessing(4, channels=channels).read({"path": write(tmp_path / "v.nii", noise(*shape))})
    assert caught.value.status == Status.WRONG_SHAPE


@pytest.mark.parametrize("column", ["path_b", "mask"])
@pytest.mark.parametrize("other", ["shape", "affine"])
def test_other_grid_is_refused_by_name(tmp_path, column, other):
    good = write(tmp_path / "good.nii", noise(5, 4, 3))
    bad = write(
        tmp_path / "bad.nii",
        noise(5, 4, 4 if other == "shape" else 3),
        np.diag([1, 1, 1 if other == "shape" else 2, 1]),
    )
    files = {"path_a": good, "path_b": good, "mask": good} | {column: bad}
    with pytest.raises(InputError, match=f"{column}: lies on another grid .* register and resample") as caught:
        preprocessing(4, channels=["a", "b"], intensity_over="mask", intensity="zscore").read(files)
    assert caught.value.status == Status.WRONG_SHAPE


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("v.nii", nib.Nifti1Image),
        ("v.nii.gz", nib.Nifti1Image),
        ("v.nii", nib.Nifti2Image),
        ("v.img", nib.Nifti1Pair),
        ("v.hdr", nib.Nifti1Pair),
        ("v.img", nib.Nifti2Pair),
        ("v.mgz", nib.MGHImage),
    ],
)
def test_formats(tmp_path, name, kind):
    data, output = noise(5, 4, 3), tmp_path / "map.nii"
    # First axis to the left, last one downwards.
    affine = scanner(0.75, 1.25, 2) @ np.diag([-1, 1, -1, 1])
    path = write(tmp_path / name, data, affine, kind)
    reader = preprocessing([5, 4, 3])
    values, _ = reader.read({"path": path})
    np.testing.assert_array_equal(values[0], data[::-1, :, ::-1])
    source = load_volume(path)
    save_map(values, reader.grid(source), source, output)
    saved = nib.load(output)
    np.testing.assert_array_equal(saved.get_fdata(dtype=np.float32), data)
    np.testing.assert_allclose(saved.affine, affine, atol=1e-5)


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
def test_header_of_a_nifti_pair_is_taken_over(tmp_path, kind):
    path, output = tmp_path / "v.img", tmp_path / "map.nii.gz"
    image = kind(noise(5, 4, 3), scanner(0.9, 1.1, 2, turned=20))
    image.set_sform(image.affine, 4)
    image.set_qform(image.affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    source = load_volume(path)
    save_map(noise(1, 5, 4, 3), preprocessing([5, 4, 3]).grid(source), source, output)
    saved = nib.load(output)
    assert saved.header.get_xyzt_units() == ("mm", "sec")
    assert (int(saved.header["sform_code"]), int(saved.header["qform_code"])) == (4, 1)
    np.testing.assert_array_equal(saved.affine, source.affine)


@pytest.mark.parametrize("name", ["v.img", "v.hdr"])
def test_analyze_runs_to_the_left_and_lies_around_zero(tmp_path, name):
    """Analyze headers hold no directions; the convention is radiological order with the origin in the middle."""
    data = noise(5, 4, 3)
    path = write(tmp_path / name, data, np.diag([-2.0, 1, 1, 1]), nib.AnalyzeImage)
    values, affine = preprocessing([5, 4, 3]).read({"path": path})
    np.testing.assert_array_equal(values[0], data[::-1])
    np.testing.assert_allclose(affine, [[2, 0, 0, -4], [0, 1, 0, -1.5], [0, 0, 1, -1], [0, 0, 0, 1]])
