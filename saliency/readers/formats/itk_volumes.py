"""Volumes of ITK's formats: NRRD and MetaImage."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.files.paths import fingerprint
from saliency.readers.packages import needed
from saliency.readers.reader import VolumeReader

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

# Headers whose values lie in another file.
DETACHED = (".mhd", ".nhdr")


class ItkVolumes(VolumeReader):
    """Volumes that SimpleITK opens, with components as the fourth axis."""

    name = "itk"
    title = "NRRD and MetaImage (SimpleITK)"
    suffixes = (".nrrd", ".nhdr", ".mha", ".mhd")
    accompanied = DETACHED
    package, extra = "SimpleITK", "itk"
    version = 1

    def fingerprint(self, path: Path) -> str:
        """Of a header without values also those of files of its name, one of which holds them."""
        if path.suffix.lower() not in DETACHED:
            return fingerprint(path)
        beside = sorted(path.parent.glob(f"{path.stem}.*")) if path.parent.is_dir() else []
        return " ".join(fingerprint(file) for file in [path, *(file for file in beside if file != path)])

    def open(self, path: Path) -> SpatialImage:
        """Read a volume and bring its geometry to RAS."""
        import nibabel as nib
        import numpy as np

        from saliency.readers.slices import TO_RAS
        from saliency.readers.volume_grid import LARGEST_VOLUME

        itk = needed("SimpleITK", "itk")
        reader = itk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        size = reader.GetSize()
        if len(size) != 3 or math.prod(size) > LARGEST_VOLUME:
            raise InputError(
                Status.WRONG_SHAPE, f"has shape {size}, which is no volume that can be read: remove the row"
            )
        image = reader.Execute()
        values = itk.GetArrayFromImage(image)
        # The slowest axis comes first there, and components come last.
        values = np.moveaxis(values, (2, 1, 0), (0, 1, 2))
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
            values = values.astype(np.float64)
        found = nib.Nifti1Image(values, TO_RAS @ affine)
        # NRRD without a space has axes of no known direction.
        known = path.suffix.lower() not in (".nrrd", ".nhdr") or "NRRD_space" in image.GetMetaDataKeys()
        found.set_sform(found.affine, code=int(known))
        found.set_qform(found.affine, code=int(known))
        return found
