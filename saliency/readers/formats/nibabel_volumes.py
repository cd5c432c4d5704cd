"""Volumes, in any format of nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.readers.reader import VolumeReader

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage


class NibabelVolumes(VolumeReader):
    """Volumes that nibabel opens. The default for volumes."""

    name = "nibabel"
    title = "nibabel's formats: NIfTI, MGZ, Analyze, …"
    accompanied = (".img", ".img.gz", ".hdr", ".hdr.gz", ".head", ".brik", ".brik.gz", ".par", ".rec")
    version = 1

    def open(self, path: Path) -> SpatialImage:
        """Open a volume; its values are read from the file when they are asked for."""
        import nibabel as nib
        from nibabel.spatialimages import SpatialImage

        image = nib.load(path)
        if not isinstance(image, SpatialImage):
            raise InputError(Status.UNSUPPORTED, f"is a {type(image).__name__}, not a volume: convert it to NIfTI")
        return image
