"""Series of DICOM as volumes: against SimpleITK's own reading, and what is refused."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from saliency.exceptions import InputError, Status
from saliency.readers.volumes import load_volume
from saliency.steps.export import save_map
from tests.readers.formats.test_dicom_images import dicom
from tests.readers.test_volumes import preprocessing

SPACING, STEP = (1.25, 0.75), 2.5  # between rows, between columns, between slices
VOLUME = np.random.default_rng(0).integers(0, 2000, (7, 6, 9)).astype(np.uint16)  # slices, rows, columns


def turned(degrees):
    """Directions of rows, of columns, and across them: turned about two axes."""
    a, b = np.radians(degrees), np.radians(degrees / 2)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return (about_z @ about_x).T


def series(folder, degrees=0, leave_out=(), shift=0.0, change=None, volume=VOLUME):
    """Write a series, its files in an order that is not that of the slices."""
    folder.mkdir(exist_ok=True)
    row, column, across = turned(degrees)
    uid, frame = generate_uid(), generate_uid()
    for number in range(len(volume)):
        if number in leave_out:
            continue
        position = np.array([-30.0, 12, 44]) + across * STEP * number + row * shift * number
        attributes = {
            "ImagePositionPatient": [f"{value:.8g}" for value in position],
            "ImageOrientationPatient": [f"{value:.8g}" for value in (*row, *column)],
            "PixelSpacing": list(SPACING), "SliceThickness": STEP, "SeriesInstanceUID": uid,
            "FrameOfReferenceUID": frame, "InstanceNumber": number + 1, "RescaleSlope": 2, "RescaleIntercept": -1024,
            "Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        }  # fmt: skip
        attributes |= (change or {}).get(number, {})
        dicom(folder / f"im{number * 5 % 7}.dcm", volume[number], 16, **attributes)
    return folder


def itk_image(folder):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def corners(image):
    """Indices of the corners, and where SimpleITK has them, in RAS."""
    size = image.GetSize()
    indices = [[(size[axis] - 1) * (number >> axis & 1) for axis in range(3)] for number in range(8)]
    points = [np.array(image.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1] for index in indices]
    return np.array(indices), np.array(points)


@pytest.mark.parametrize("degrees", [0, 20, 37, 90, 135])
def test_series_and_exported_maps_lie_where_simpleitk_has_the_series(tmp_path, degrees):
    folder = series(tmp_path / "s", degrees)
    expected = itk_image(folder)
    found = load_volume(folder)
    values = np.moveaxis(SimpleITK.GetArrayFromImage(expected), (0, 1, 2), (2, 1, 0))
    np.testing.assert_array_equal(found.get_fdata(), values)
    np.testing.assert_array_equal(values, np.moveaxis(VOLUME, (0, 1, 2), (2, 1, 0)) * 2.0 - 1024)
    reader = preprocessing([12, 12, 12])
    read, _ = reader.read({"path": folder})
    save_map(read, reader.grid(found), found, tmp_path / "map.nii.gz")
    saved = nib.load(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(saved.get_fdata(), values)
    assert (int(saved.header["sform_code"]), int(saved.header["qform_code"])) == (1, 1)
    indices, points = corners(expected)
    for affine in (found.affine, saved.affine, saved.header.get_qform()):
        off = np.linalg.inv(affine) @ np.vstack([points.T, np.ones(8)])
        assert np.abs(off[:3].T - indices).max() < 0.01


def test_resampled_series_keeps_its_place(tmp_path):
    """A ramp along the patient's axes is what its values say, wherever a voxel lies."""
    row, column, across = turned(25)
    k, j, i = np.indices(VOLUME.shape)
    lps = np.array([-30.0, 12, 44]) + (
        i[..., None] * row * SPACING[1] + j[..., None] * column * SPACING[0] + k[..., None] * across * STEP
    )
    ramp = np.round((lps[..., 2] - 40) * 100).astype(np.uint16)
    folder = series(tmp_path / "s", 25, volume=ramp)
    reader = preprocessing([4, 4, 4], voxel_size=1)
    values, affine = reader.read({"path": folder})
    for voxel in [(1, 1, 1), (2, 2, 2), (1, 2, 1)]:
        z = (affine @ [*voxel, 1])[2]
        assert values[0][voxel] == pytest.approx(2 * (z - 40) * 100 - 1024, abs=10)


REFUSED = {
    "one slice missing": ({"leave_out": [3]}, r"lacks 1 slice\(s\) between im3.dcm and im6.dcm, .* 5 mm apart"),
    "two slices missing": ({"leave_out": [2, 3]}, r"lacks 2 slice\(s\) between im5.dcm and im6.dcm"),
    "tilted gantry": ({"shift": 0.5}, r"gantry tilt of 11.3 degrees: resample .* dcm2niix"),
    "two series": ({"change": {2: {"SeriesInstanceUID": "1.2.3"}}}, "holds 2 series .*: give each a folder of its own"),
    "time points": (
        {"change": {2: {"ImagePositionPatient": [-30.0, 12, 46.5]}}},
        "has several slices in one place, such as im[35].dcm and im[35].dcm",
    ),
    "uneven": (
        {"change": {6: {"ImagePositionPatient": [-30.0, 12, 44 + 6 * STEP + 1]}}}, "unevenly spaced .2.5 to 3.5 mm.",
    ),
    "a scout": ({"change": {0: {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}}}, "of different directions"),
    "other pixels": ({"change": {1: {"PixelSpacing": [1.25, 0.8]}}}, "different directions or pixel sizes"),
    "no position": ({"change": {1: {"ImagePositionPatient": None}}}, "does not say the position of im5.dcm"),
    "inverted": ({"change": {1: {"PhotometricInterpretation": "MONOCHROME1"}}}, "holds MONOCHROME1 values"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_even_stack_is_refused_by_name(tmp_path, case):
    changes, words = REFUSED[case]
    folder = series(tmp_path / "s", **changes)
    with pytest.raises(InputError, match=words):
        load_volume(folder)


def test_notes_beside_the_slices_do_not_matter_and_a_folder_without_any_is_refused(tmp_path):
    folder = series(tmp_path / "s")
    (folder / "notes.txt").write_text("scanned on a Tuesday " * 20)
    assert load_volume(folder).shape == (9, 6, 7)
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("scanned on a Tuesday " * 20)
    with pytest.raises(InputError, match="is a folder without DICOM pictures"):
        load_volume(other)


def test_a_slice_named_by_its_file_is_no_volume(tmp_path):
    folder = series(tmp_path / "s")
    with pytest.raises(InputError, match="is a single slice: name the folder of its series, s") as caught:
        load_volume(folder / "im0.dcm")
    assert caught.value.status == Status.WRONG_SHAPE


def test_multi_frame_files_are_stacked_by_the_positions_of_their_frames(tmp_path):
    row, column, across = turned(20)
    order = [3, 0, 6, 1, 5, 2, 4]
    path = dicom(tmp_path / "e.dcm", VOLUME[order], 16)
    data = pydicom.dcmread(path)

    def item(**attributes):
        found = pydicom.Dataset()
        for name, value in attributes.items():
            setattr(found, name, value)
        return found

    data.SharedFunctionalGroupsSequence = Sequence([item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[f"{one:.8g}" for one in (*row, *column)])]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=list(SPACING), SliceThickness=STEP)]),
        PixelValueTransformationSequence=Sequence([item(RescaleSlope=2, RescaleIntercept=-1024)]),
    )])  # fmt: skip
    data.PerFrameFunctionalGroupsSequence = Sequence([
        item(PlanePositionSequence=Sequence([item(
            ImagePositionPatient=[f"{value:.8g}" for value in np.array([-30.0, 12, 44]) + across * STEP * number]
        )]))
        for number in order
    ])  # fmt: skip
    data.save_as(path)
    found, same = load_volume(path), load_volume(series(tmp_path / "s", 20))
    np.testing.assert_array_equal(found.get_fdata(), same.get_fdata())
    np.testing.assert_allclose(found.affine, same.affine, atol=1e-6)
