"""Volumes of DICOM: a folder with the slices of a series, and multi-frame files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.exceptions import InputError, Status
from saliency.readers.formats.dicom_images import EXTRA, PREAMBLE, attribute, rescaled, stored
from saliency.readers.packages import needed
from saliency.readers.reader import VolumeReader

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    from saliency.readers.slices import Slice


class DicomFrames(VolumeReader):
    """Multi-frame files, each frame of which says where it lies."""

    name = "dicom_frames"
    title = "DICOM: a multi-frame file (pydicom)"
    suffixes = (".dcm", ".dicom", ".ima")
    mark = PREAMBLE
    package, extra = "pydicom", "dicom"
    version = 1

    def open(self, path: Path) -> SpatialImage:
        """Stack the frames of a file."""
        from saliency.readers.slices import stacked

        data = needed("pydicom", EXTRA).dcmread(path)
        _check_picture(data)
        if int(data.get("NumberOfFrames", 1) or 1) == 1:
            raise InputError(
                Status.WRONG_SHAPE, f"is a single slice: name the folder of its series, {path.parent.name or '.'}"
            )
        return stacked(list(_slices(data, path.name)))


class DicomSeries(VolumeReader):
    """Folders that hold the slices of one series, in files of any names. The default for folders of volumes."""

    name = "dicom_series"
    title = "DICOM: a folder with the slices of one series, whatever their names (pydicom)"
    folders = True
    package, extra = "pydicom", "dicom"
    version = 1

    def open(self, path: Path) -> SpatialImage:
        """Stack the slices of a folder by their positions."""
        from saliency.readers.slices import stacked

        pydicom = needed("pydicom", EXTRA)
        found: dict[str, list[tuple[Any, str]]] = {}
        for file in sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")):
            try:
                data = pydicom.dcmread(file)
            # Folders also hold notes, and an index that is no picture.
            except pydicom.errors.InvalidDicomError:
                continue
            if "PixelData" in data:
                found.setdefault(str(data.get("SeriesInstanceUID", "")), []).append((data, file.name))
        if not found:
            raise InputError(
                Status.UNSUPPORTED, "is a folder without DICOM pictures: correct the path or remove the row"
            )
        if len(found) > 1:
            names = ", ".join(files[0][1] for files in found.values())
            raise InputError(
                Status.WRONG_SHAPE, f"holds {len(found)} series (that of {names}): give each a folder of its own"
            )
        (files,) = found.values()
        for data, _ in files:
            _check_picture(data)
        return stacked([one for data, name in files for one in _slices(data, name)])


def _check_picture(data: Any) -> None:
    if "PixelData" not in data:
        kind = getattr(data.get("SOPClassUID"), "name", "an object of unknown kind")
        raise InputError(Status.UNSUPPORTED, f"holds no picture ({kind}): name the series itself")
    if data.PhotometricInterpretation != "MONOCHROME2":
        raise InputError(
            Status.UNSUPPORTED,
            f"holds {data.PhotometricInterpretation} values, which are no intensities of voxels: convert it to "
            "MONOCHROME2",
        )


def _slices(data: Any, name: str) -> Iterator[Slice]:
    """The frames of a file."""
    from saliency.readers.slices import Slice

    frames = int(data.get("NumberOfFrames", 1) or 1)
    for frame in range(frames):
        where = f"{name}#{frame}" if frames > 1 else name
        position = attribute(data, frame, "PlanePositionSequence", "ImagePositionPatient")
        orientation = attribute(data, frame, "PlaneOrientationSequence", "ImageOrientationPatient")
        spacing = attribute(data, frame, "PixelMeasuresSequence", "PixelSpacing")
        known = {"position": position, "orientation": orientation, "pixel spacing": spacing}
        missing = [what for what, value in known.items() if value is None]
        if missing:
            raise InputError(
                Status.UNSUPPORTED, f"does not say the {' and '.join(missing)} of {where}: convert it to NIfTI by hand"
            )
        between = attribute(data, frame, "PixelMeasuresSequence", "SpacingBetweenSlices")
        thickness = between or attribute(data, frame, "PixelMeasuresSequence", "SliceThickness")
        yield Slice(
            values=rescaled(data, frame, stored(data, frame)),
            position=tuple(map(float, position)),
            orientation=tuple(map(float, orientation)),
            spacing=tuple(map(float, spacing)),
            thickness=abs(float(thickness or 0)),
            name=where,
        )
