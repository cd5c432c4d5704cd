"""Volumes that cannot be used: each is refused with its own status, and a message that says what to do."""

import struct

import nibabel as nib
import numpy as np
import pytest

from saliency.exceptions import InputError, Status
from saliency.readers.samples import read_sample
from tests.readers.test_volumes import noise, preprocessing, write

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def with_value(value):
    data = noise(6, 5, 4)
    data[3, 2, 1] = value
    return data


def truncated(path, share):
    content = write(path, noise(6, 5, 4)).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def directory(path):
    path.mkdir()


def with_srow_z(path, *row):
    """nibabel writes no such affine; the third row of the sform stands at byte 312."""
    content = bytearray(write(path, noise(6, 5, 4)).read_bytes())
    content[312:328] = struct.pack("<4f", *row)
    path.write_bytes(content)


def surface(path):
    nib.save(nib.gifti.GiftiImage(), path)


NO_FILE, BROKEN, EMPTY = "correct the path or remove the row", "replace the file or", "remove the row, or set intensity"
REFUSED = {
    "missing": ("v.nii", lambda path: None, Status.MISSING, NO_FILE),
    "directory": ("v.nii", directory, Status.UNREADABLE, "is an empty folder: fill the folder or remove the row"),
    "no bytes": ("v.nii.gz", lambda path: path.write_bytes(b""), Status.UNREADABLE, BROKEN),
    "no bytes, plain": ("v.nii", lambda path: path.write_bytes(b""), Status.UNREADABLE, BROKEN),
    "text": ("v.nii", lambda path: path.write_text("id,path\n" * 100), Status.UNREADABLE, BROKEN),
    "text, compressed": ("v.nii.gz", lambda path: path.write_text("id,path\n" * 100), Status.UNREADABLE, BROKEN),
    "other suffix": ("v.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), Status.UNREADABLE, BROKEN),
    "half of .nii.gz": ("v.nii.gz", lambda path: truncated(path, 0.5), Status.UNREADABLE, BROKEN),
    "end of .nii.gz": ("v.nii.gz", lambda path: truncated(path, 0.99), Status.UNREADABLE, BROKEN),
    "start of .nii.gz": ("v.nii.gz", lambda path: truncated(path, 0.05), Status.UNREADABLE, BROKEN),
    "half of .nii": ("v.nii", lambda path: truncated(path, 0.6), Status.UNREADABLE, BROKEN),
    "header of .nii": ("v.nii", lambda path: truncated(path, 0.2), Status.UNREADABLE, BROKEN),
    "half of .mgz": ("v.mgz", lambda path: truncated(path, 0.5), Status.UNREADABLE, BROKEN),
    "surface": ("v.gii", surface, Status.UNSUPPORTED, "convert it to NIfTI"),
    "RGB": ("v.nii", lambda path: write(path, np.zeros((6, 5, 4), RGB)), Status.UNSUPPORTED, "RGB .* greyscale"),
    "complex": ("v.nii", lambda path: write(path, noise(6, 5, 4) * 1j), Status.UNSUPPORTED, "complex .* greyscale"),
    "2-D": ("v.nii", lambda path: write(path, noise(6, 5)), Status.WRONG_SHAPE, r"\(6, 5\).*remove the row"),
    "NaN": ("v.nii", lambda path: write(path, with_value(np.nan)), Status.NOT_FINITE, "replace them, or remove"),
    "Inf": ("v.nii", lambda path: write(path, with_value(np.inf)), Status.NOT_FINITE, "replace them, or remove"),
    "beyond float32": (
        "v.nii",
        lambda path: write(path, with_value(1).astype(np.float64) * 1e300),
        Status.NOT_FINITE,
        "replace them, or remove",
    ),
    "constant": ("v.nii", lambda path: write(path, np.full((6, 5, 4), 0.1, np.float32)), Status.EMPTY, EMPTY),
    "zeros": ("v.nii", lambda path: write(path, np.zeros((6, 5, 4), np.int16)), Status.EMPTY, EMPTY),
    "flat affine": ("v.nii", lambda path: with_srow_z(path, 0, 0, 0, 5), Status.UNSUPPORTED, "repair its header"),
    "doubled affine": ("v.nii", lambda path: with_srow_z(path, 0, 1, 0, 5), Status.UNSUPPORTED, "repair its header"),
    "NaN affine": (
        "v.nii",
        lambda path: with_srow_z(path, 0, 0, float("nan"), 5),
        Status.UNSUPPORTED,
        "repair its header",
    ),
    "NaN origin": (
        "v.nii",
        lambda path: with_srow_z(path, 0, 0, 1, float("nan")),
        Status.UNSUPPORTED,
        "repair its header",
    ),
}


@pytest.mark.parametrize("voxel_size", [None, 0.7])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_status_and_advice(tmp_path, case, interpolation, voxel_size):
    name, make, status, advice = REFUSED[case]
    make(tmp_path / name)
    for over in ("nonzero", "all"):
        reader = preprocessing(
            4, intensity="zscore", intensity_over=over, voxel_size=voxel_size, interpolation=interpolation
        )
        with pytest.raises(InputError, match=advice) as caught:
            reader.read({"path": tmp_path / name})
        assert caught.value.status == status


def test_good_volume_is_not_refused(tmp_path):
    """The other tests start from this one."""
    values, _ = preprocessing(4, intensity="zscore").read({"path": write(tmp_path / "v.nii", noise(6, 5, 4))})
    assert np.isfinite(values).all()


@pytest.mark.parametrize("broken", ["path_a", "path_b", "mask"])
def test_every_file_of_a_sample_counts(tmp_path, broken):
    good = write(tmp_path / "good.nii", noise(6, 5, 4))
    files = dict.fromkeys(["path_a", "path_b", "mask"], good) | {broken: tmp_path / "gone.nii"}
    with pytest.raises(InputError, match=NO_FILE) as caught:
        preprocessing(4, channels=["a", "b"], intensity="zscore", intensity_over="mask").read(files)
    assert caught.value.status == Status.MISSING


@pytest.mark.parametrize("mask", [np.zeros((6, 5, 4), np.uint8), np.arange(120).reshape(6, 5, 4) == 7])
def test_mask_must_hold_different_values(tmp_path, mask):
    files = {"path": write(tmp_path / "v.nii", noise(6, 5, 4)), "mask": tmp_path / "mask.nii"}
    write(files["mask"], mask.astype(np.uint8))
    with pytest.raises(InputError, match=rf"\(mask\): {EMPTY}") as caught:
        preprocessing(4, intensity="zscore", intensity_over="mask").read(files)
    assert caught.value.status == Status.EMPTY


def test_equal_percentiles(tmp_path):
    data = np.ones((10, 10, 10), dtype=np.float32)
    data[0, 0, 0] = 2
    with pytest.raises(InputError, match=r"equal \[10, 90\] percentiles: set wider ones") as caught:
        preprocessing(4, intensity="percentile").read({"path": write(tmp_path / "v.nii", data)})
    assert caught.value.status == Status.EMPTY


def test_what_nobody_foresaw_is_the_samples_own_failure(tmp_path):
    """No config holds such an interpolation; it stands for a header that makes nibabel raise in the middle."""
    files = {"path": write(tmp_path / "v.nii", noise(6, 5, 4))}
    with pytest.raises(InputError, match=r"cannot be used \(KeyError: 'septic' \(.*\)\): replace the file") as caught:
        read_sample(preprocessing(4, interpolation="septic"), files)
    assert caught.value.status == Status.UNREADABLE
