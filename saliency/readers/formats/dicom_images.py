"""Single pictures of DICOM: radiographs, ultrasound, and frames of files that hold several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.exceptions import InputError, Status
from saliency.files.members import split_member, split_number
from saliency.readers.packages import needed
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from saliency.readers.colours import Limits, Numbers

EXTRA = "dicom"
# By which DICOM is known, whatever the name of its file (PS3.10 7.1).
PREAMBLE = (128, b"DICM")


class DicomImages(ImageReader):
    """Pictures of DICOM. Greyscale ones are shown as the file says: its window, and MONOCHROME1 with white at 0."""

    name = "dicom_images"
    title = "DICOM: grey through slope, window and inversion, colours as RGB; of frames one, `file.dcm#3` (pydicom)"
    suffixes = (".dcm", ".dicom", ".ima")
    members = True
    mark = PREAMBLE
    package, extra = "pydicom", "dicom"
    version = 1

    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Read a picture; greyscale in 0 … 1 by the file's window, else by the range of its stored bits."""
        data, frame = _dataset(path, self.file(path))
        if data.SamplesPerPixel == 3 or data.PhotometricInterpretation == "PALETTE COLOR":
            return _colours(data, frame)
        numbers = _numbers(data, frame)
        if "VOILUTSequence" in data:
            return _through_table(data, numbers)
        return _limits(data, frame).scale(numbers)

    def numbers(self, path: Path) -> Image.Image | np.ndarray | Numbers:
        """Stored values with slope and intercept, such as Hounsfield units; colours as `open`."""
        data, frame = _dataset(path, self.file(path))
        if data.SamplesPerPixel == 3 or data.PhotometricInterpretation == "PALETTE COLOR":
            return _colours(data, frame)
        return _numbers(data, frame)


def _dataset(path: Path, file: Path) -> tuple[Any, int]:
    """A file's data set, and the frame that is meant."""
    data = needed("pydicom", EXTRA).dcmread(file)
    if "PixelData" not in data:
        kind = getattr(data.get("SOPClassUID"), "name", "an object of unknown kind")
        raise InputError(Status.UNSUPPORTED, f"holds no picture ({kind}): name the file of the picture itself")
    frames = int(data.get("NumberOfFrames", 1) or 1)
    _, number = split_number(split_member(path)[1])
    if number is None and frames > 1:
        raise InputError(
            Status.WRONG_SHAPE, f"has {frames} frames: name one of them in the manifest, from {file.name}#0 on"
        )
    if number is not None and number >= frames:
        raise InputError(Status.MISSING, f"has {frames} frame(s), none of number {number}: count from 0")
    return data, number or 0


def stored(data: Any, frame: int) -> np.ndarray:
    """Values of one frame, ``(h, w)`` or ``(h, w, 3)``."""
    pixels = needed("pydicom.pixels", EXTRA)
    needed("saliency.readers.jpeg12", EXTRA).add_decoder()
    found: np.ndarray = pixels.pixel_array(data, index=frame)
    return found


def attribute(data: Any, frame: int, group: str, name: str) -> Any:
    """An attribute of a frame; multi-frame files have it in a group of the frame, or in one for all frames."""
    if name in data:
        return data[name].value
    each = data.get("PerFrameFunctionalGroupsSequence") or []
    for owner in (*each[frame : frame + 1], *(data.get("SharedFunctionalGroupsSequence") or [])):
        for item in owner.get(group) or []:
            if name in item:
                return item[name].value
    return None


def _numbers(data: Any, frame: int) -> Numbers:
    import numpy as np

    from saliency.readers.colours import Numbers

    found = stored(data, frame)
    if "ModalityLUTSequence" in data:
        values = np.asarray(needed("pydicom.pixels", EXTRA).apply_modality_lut(found, data), dtype=np.float64)
    else:
        values = rescaled(data, frame, found)
    return Numbers(values[np.newaxis], data.PhotometricInterpretation == "MONOCHROME1")


def rescaled(data: Any, frame: int, values: Any) -> Any:
    """Stored values with the slope and intercept of their frame."""
    group = "PixelValueTransformationSequence"
    slope, intercept = (attribute(data, frame, group, name) for name in ("RescaleSlope", "RescaleIntercept"))
    return values * float(1 if slope is None else slope) + float(intercept or 0)


def _limits(data: Any, frame: int) -> Limits:
    """The file's first window (PS3.3 C.11.2.1), else the range of its bits."""
    from saliency.readers.colours import Limits

    group = "FrameVOILUTSequence"
    centre, width = (attribute(data, frame, group, name) for name in ("WindowCenter", "WindowWidth"))
    function = attribute(data, frame, group, "VOILUTFunction") or "LINEAR"
    if centre is None or width is None:
        bits, signed = int(data.BitsStored), bool(data.PixelRepresentation)
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return Limits(rescaled(data, frame, low), rescaled(data, frame, high), clipped=True)
    c, w = (float(value if isinstance(value, str | int | float) else value[0]) for value in (centre, width))
    if function not in ("LINEAR", "LINEAR_EXACT") or w <= 1:
        raise InputError(
            Status.UNSUPPORTED, f"has a window of kind {function} and width {w:g}: set input.window: [LOW, HIGH]"
        )
    if function == "LINEAR":
        return Limits(c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2, clipped=True)
    return Limits(c - w / 2, c + w / 2, clipped=True)


def _through_table(data: Any, numbers: Numbers) -> np.ndarray:
    """Values looked up in the file's table, in 0 … 1."""
    import numpy as np

    bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
    found = needed("pydicom.pixels", EXTRA).apply_voi_lut(numbers.values.astype(np.int64), data, prefer_lut=True)
    shown = (np.asarray(found) / np.float32(2**bits - 1)).astype(np.float32)
    return 1 - shown if numbers.inverted else shown


def _colours(data: Any, frame: int) -> Image.Image | np.ndarray:
    """RGB, to which pydicom brings YBR; of a palette its colours."""
    import numpy as np

    from saliency.readers.arrays import picture_of

    values = stored(data, frame)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        values = needed("pydicom.pixels", EXTRA).apply_color_lut(values, data)
        if values.dtype == np.uint16 and int(data.RedPaletteColorLookupTableDescriptor[2]) == 8:
            values = values.astype(np.uint8)
    return picture_of(np.moveaxis(np.asarray(values), -1, 0))
