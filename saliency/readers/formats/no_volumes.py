"""Files of neuroimaging that are no volumes, or that no library reads here: refused by their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.readers.reader import VolumeReader

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

_SURFACE = "is a surface, not a volume: convert it to NIfTI, for example with wb_command -metric-to-volume-mapping"
_MODEL = "is a surface, not a volume: convert it to a NIfTI mask, for example with 3D Slicer's Segmentations"
_MRTRIX = "is an image of MRtrix: convert it to NIfTI with mrconvert"
_TRACTS = "holds tracts, not a volume: convert them to NIfTI, for example with tckmap"
WORDS = {
    ".gii": _SURFACE,
    ".pial": _SURFACE,
    ".white": _SURFACE,
    ".inflated": _SURFACE,
    ".stl": _MODEL,
    ".obj": _MODEL,
    ".ply": _MODEL,
    ".vtk": _MODEL,
    ".vtp": _MODEL,
    ".mif": _MRTRIX,
    ".mif.gz": _MRTRIX,
    ".mih": _MRTRIX,
    ".tck": _TRACTS,
    ".trk": _TRACTS,
}


class NoVolumes(VolumeReader):
    """What is refused, with the tool that converts it."""

    name = "no_volumes"
    title = "MRtrix images, surfaces and tracts: refused, with the tool that converts them"
    suffixes = tuple(WORDS)
    version = 1

    def open(self, path: Path) -> SpatialImage:
        """Say what the file is."""
        name = path.name.lower()
        raise InputError(Status.UNSUPPORTED, next(words for end, words in WORDS.items() if name.endswith(end)))
