"""Volumes in other formats than nibabel's: the same voxels in the same place, or refused by name."""

import numpy as np
import pytest
import SimpleITK

from saliency.exceptions import InputError, Status
from saliency.readers.registered import reader_of
from saliency.readers.volumes import load_volume, sides_known
from tests.readers.test_volumes import noise, preprocessing, scanner, write

AFFINE = scanner(0.9, 1.1, 2.5, turned=25) @ np.diag([-1, 1, 1, 1])


def itk(path, values, affine, **options):
    """Write through SimpleITK what nibabel calls values and affine."""
    image = SimpleITK.GetImageFromArray(np.moveaxis(values, (0, 1, 2), (2, 1, 0)), **options)
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path), useCompression=path.suffix in (".nrrd", ".mha"))
    return path


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.int64])
def test_nrrd_and_metaimage_read_as_nifti_does(tmp_path, suffix, dtype):
    values = (noise(5, 7, 6) * 9).astype(dtype)
    path = itk(tmp_path / f"v{suffix}", values, AFFINE)
    same = write(tmp_path / "v.nii", values.astype(np.float32), AFFINE)
    found, expected = load_volume(path), load_volume(same)
    np.testing.assert_array_equal(found.get_fdata(), expected.get_fdata())
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-5)
    reader = preprocessing(4)
    np.testing.assert_array_equal(reader.read({"path": path})[0], reader.read({"path": same})[0])
    assert sides_known(path)


def test_values_beside_a_header_count_as_its_own(tmp_path):
    path = itk(tmp_path / "v.mhd", noise(5, 7, 6), AFFINE)
    reader = reader_of(path, "3D")
    before = reader.fingerprint(path)
    (tmp_path / "other.raw").write_bytes(b"abc")
    assert reader.fingerprint(path) == before
    (tmp_path / "v.raw").write_bytes((tmp_path / "v.raw").read_bytes() + b"x")
    assert reader.fingerprint(path) != before


def test_nrrd_of_no_known_space_has_no_sides(tmp_path):
    values = noise(5, 7, 6)
    header = "NRRD0004\ntype: float\ndimension: 3\nsizes: 5 7 6\nendian: little\nencoding: raw\n\n"
    (tmp_path / "v.nrrd").write_bytes(header.encode() + values.tobytes(order="F"))
    np.testing.assert_array_equal(load_volume(tmp_path / "v.nrrd").get_fdata(), values)
    assert not sides_known(tmp_path / "v.nrrd")


def test_components_are_channels(tmp_path):
    values = noise(5, 7, 6, 2)
    path = itk(tmp_path / "v.mha", values, np.eye(4), isVector=True)
    found, _ = preprocessing([5, 7, 6], channels=2).read({"path": path})
    np.testing.assert_array_equal(found, np.moveaxis(values, -1, 0))
    with pytest.raises(InputError, match="that is 2 instead of 1 per file"):
        preprocessing(4).read({"path": path})


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_broken_files(tmp_path, suffix):
    path = itk(tmp_path / f"v{suffix}", noise(5, 7, 6), AFFINE)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"cannot be read as a volume .*: replace the file or remove the row"):
        load_volume(path)
    flat = SimpleITK.GetImageFromArray(np.zeros((4, 5), np.float32))
    SimpleITK.WriteImage(flat, str(tmp_path / f"flat{suffix}"))
    with pytest.raises(InputError, match=r"has shape \(5, 4\), which is no volume"):
        load_volume(tmp_path / f"flat{suffix}")


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool, np.int64])
def test_arrays_with_and_without_an_affine(tmp_path, caplog, dtype):
    values = (noise(5, 7, 6) > 50 if dtype is bool else noise(5, 7, 6)).astype(dtype)
    path = tmp_path / "v.npy"
    np.save(path, values)
    reader = reader_of(path, "3D")
    without = reader.fingerprint(path)
    assert not sides_known(path)
    preprocessing(4).read({"path": path})
    assert "says nowhere which way its axes run" in caplog.text
    np.savetxt(tmp_path / "v.affine.txt", AFFINE)
    assert reader.fingerprint(path) != without
    assert sides_known(path)
    same = write(tmp_path / "v.nii", values.astype(np.float32), AFFINE)
    found, expected = (preprocessing(4).read({"path": file}) for file in (path, same))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
    (tmp_path / "v.affine.txt").write_text("1 0 0\n")
    with pytest.raises(InputError, match=r"v.affine.txt, which holds no four rows of four numbers: correct"):
        load_volume(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.mif", "is an image of MRtrix: convert it to NIfTI with mrconvert"),
        ("a.MIF.gz", "is an image of MRtrix"),
        ("lh.surf.gii", "is a surface, not a volume: convert it to NIfTI, for example with wb_command"),
        ("lh.pial", "is a surface"),
        ("bone.stl", "is a surface, not a volume: convert it to a NIfTI mask"),
        ("bone.vtk", "is a surface"),
        ("tracts.trk", "holds tracts, not a volume: convert them to NIfTI, for example with tckmap"),
    ],
)
def test_refused_by_name_with_the_tool_that_converts(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(InputError, match=words) as caught:
        load_volume(tmp_path / name)
    assert caught.value.status == Status.UNSUPPORTED
