"""Single pictures of DICOM, against the standard's formulas computed by hand."""

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

from saliency.exceptions import InputError, Status
from saliency.readers.images import Preprocessing, image_size, read_image
from saliency.readers.registered import reader_of

VALUES = np.random.default_rng(0).integers(0, 4096, (9, 14)).astype(np.uint16)


def dicom(path, values=VALUES, bits=12, **attributes):
    """Write a file; ``None`` for an attribute leaves it out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = attributes.pop("SOPClassUID", "1.2.840.10008.5.1.4.1.1.1.1")
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    colours = attributes.get("SamplesPerPixel", 1) == 3
    frames = values if values.ndim == (4 if colours else 3) else values[np.newaxis]
    data.Rows, data.Columns = frames.shape[1:3]
    if len(frames) > 1:
        data.NumberOfFrames = len(frames)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = 8 * values.dtype.itemsize
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    for name, value in attributes.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def read(path, channels=1, **keys):
    return read_image(path, Preprocessing(channels, None, None, "bilinear", **keys))[0]


def test_without_a_window_the_bits_are_the_range(tmp_path):
    np.testing.assert_allclose(read(dicom(tmp_path / "a.dcm")), VALUES / 4095, atol=1e-6)
    signed = VALUES.astype(np.int16) - 2048
    np.testing.assert_allclose(read(dicom(tmp_path / "b.dcm", signed)), (signed + 2048) / 4095, atol=1e-6)
    assert image_size(tmp_path / "a.dcm") == (14, 9)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_slope_window_and_inversion(tmp_path, photometric, channels):
    path = dicom(
        tmp_path / "a.dcm", RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=[40, 500], WindowWidth=[400, 9],
        PhotometricInterpretation=photometric,
    )  # fmt: skip
    # PS3.3 C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5), between 0 and 1.
    units = VALUES * 2.0 - 1024
    expected = ((units - 39.5) / 399 + 0.5).clip(0, 1)
    inverted = photometric == "MONOCHROME1"
    np.testing.assert_allclose(read(path, channels), 1 - expected if inverted else expected, atol=1e-6)
    soft = (units.clip(-160, 240) + 160) / 400
    np.testing.assert_allclose(read(path, channels, window=[-160, 240]), 1 - soft if inverted else soft, atol=1e-6)
    whole = (units + 1024) / 8190
    np.testing.assert_allclose(
        read(path, channels, value_range=[-1024, 7166]), 1 - whole if inverted else whole, atol=1e-6
    )


def test_without_an_ending_a_file_is_known_by_its_preamble(tmp_path):
    expected = read(dicom(tmp_path / "a.dcm"))
    for name in ("IM000001", "1.2.840.10008.5.1"):
        np.testing.assert_array_equal(read(dicom(tmp_path / name)), expected)
    dicom(tmp_path / "IM2", np.stack([VALUES, VALUES // 2]))
    np.testing.assert_allclose(read(tmp_path / "IM2#1"), VALUES // 2 / 4095, atol=1e-6)
    assert reader_of(tmp_path / "IM2", "3D").name == "dicom_frames"
    Image.fromarray(VALUES).save(tmp_path / "picture", "PNG")
    np.testing.assert_allclose(read(tmp_path / "picture"), VALUES / 65535, atol=1e-6)
    assert reader_of(tmp_path / "absent", "2D").name == reader_of(tmp_path, "2D").name == "pillow"


def test_other_kinds_of_window(tmp_path):
    path = dicom(tmp_path / "a.dcm", WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT")
    np.testing.assert_allclose(read(path), ((VALUES - 1500.0) / 1000).clip(0, 1), atol=1e-6)
    path = dicom(tmp_path / "s.dcm", WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID")
    with pytest.raises(InputError, match=r"window of kind SIGMOID and width 1000: set input.window: \[LOW, HIGH\]"):
        read(path)
    np.testing.assert_allclose(read(path, window=[0, 4095]), VALUES / 4095, atol=1e-6)
    table = pydicom.Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = np.round(np.sqrt(np.arange(4096) / 4095) * 65535).astype(np.uint16).tobytes()
    path = dicom(tmp_path / "t.dcm", VOILUTSequence=Sequence([table]))
    np.testing.assert_allclose(read(path), np.sqrt(VALUES / 4095), atol=1e-5)


def test_colours(tmp_path):
    values = np.random.default_rng(1).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    path = dicom(
        tmp_path / "a.dcm", values, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    found = read_image(path, Preprocessing(3, None, None, "bilinear"))
    np.testing.assert_array_equal(found, np.moveaxis(values, -1, 0).astype(np.float32) / np.float32(255))


def test_a_frame_of_several(tmp_path):
    frames = np.stack([VALUES, VALUES[::-1], VALUES // 2])
    path = dicom(tmp_path / "a.dcm", frames)
    for number in range(3):
        np.testing.assert_allclose(read(tmp_path / f"a.dcm#{number}"), frames[number] / 4095, atol=1e-6)
    with pytest.raises(InputError, match=r"has 3 frames: name one of them in the manifest, from a.dcm#0 on") as caught:
        read(path)
    assert caught.value.status == Status.WRONG_SHAPE
    with pytest.raises(InputError, match=r"none of number 3: count from 0") as caught:
        read(tmp_path / "a.dcm#3")
    assert caught.value.status == Status.MISSING


def test_run_length_encoding_is_decoded(tmp_path):
    data = pydicom.dcmread(dicom(tmp_path / "a.dcm"))
    data.compress(RLELossless)
    data.save_as(tmp_path / "c.dcm")
    np.testing.assert_array_equal(read(tmp_path / "c.dcm"), read(tmp_path / "a.dcm"))


ENCODED = {
    "JPEGLosslessSV1": (lambda values: imagecodecs.ljpeg_encode(values, bitspersample=12), 0),
    "JPEGLSLossless": (imagecodecs.jpegls_encode, 0),
    "JPEG2000Lossless": (
        lambda values: imagecodecs.jpeg2k_encode(values, reversible=True, codecformat="j2k", bitspersample=12), 0,
    ),
    # Of the cosine transform at its best quality.
    "JPEGExtended12Bit": (lambda values: imagecodecs.jpeg8_encode(values, level=100, bitspersample=12), 3 / 4095),
}  # fmt: skip


@pytest.mark.parametrize("syntax", ENCODED)
def test_compressed_pictures_of_12_bits_are_decoded(tmp_path, syntax):
    encode, tolerance = ENCODED[syntax]
    data = pydicom.dcmread(dicom(tmp_path / "a.dcm"))
    data.PixelData = encapsulate([encode(VALUES)])
    data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    data.save_as(tmp_path / "c.dcm")
    np.testing.assert_allclose(read(tmp_path / "c.dcm"), VALUES / 4095, atol=tolerance + 1e-6)


def test_what_is_no_picture(tmp_path):
    path = dicom(tmp_path / "a.dcm")
    data = pydicom.dcmread(path)
    del data.PixelData
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    data.save_as(tmp_path / "report.dcm")
    with pytest.raises(InputError, match=r"holds no picture \(Basic Text SR Storage\): name the file of the picture"):
        read(tmp_path / "report.dcm")
    (tmp_path / "text.dcm").write_text("id,path\n" * 50)
    with pytest.raises(InputError, match=r"cannot be decoded .*: replace the file or remove the row"):
        read(tmp_path / "text.dcm")
    content = path.read_bytes()
    (tmp_path / "cut.dcm").write_bytes(content[: len(content) - 40])
    with pytest.raises(InputError, match="cannot be decoded"):
        read(tmp_path / "cut.dcm")
