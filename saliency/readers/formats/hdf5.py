"""Arrays in HDF5, of which each row is a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.readers.packages import needed
from saliency.readers.reader import ImageReader, VolumeReader

if TYPE_CHECKING:
    import numpy as np
    from nibabel.spatialimages import SpatialImage
    from PIL import Image

SUFFIXES = (".h5", ".hdf5", ".hdf")


class Hdf5Images(ImageReader):
    """Rows ``(h, w)``, ``(h, w, c)`` or ``(c, h, w)``."""

    name = "hdf5_images"
    title = "rows of an array in HDF5, `file.h5::/images#7` (h5py)"
    suffixes = SUFFIXES
    members = True
    package, extra = "h5py", "hdf5"
    version = 1

    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Read a row; 8 and 16 bits are scaled to 0 … 1, as those of photographs are."""
        from saliency.readers.arrays import channels_first, picture_of

        return picture_of(channels_first(_row(self.file(path), path)[0]))


class Hdf5Volumes(VolumeReader):
    """Rows ``(i, j, k)`` or ``(i, j, k, c)``; the array's attribute ``affine`` says where they lie."""

    name = "hdf5_volumes"
    title = "rows of an array in HDF5, `file.h5::/scans#7`; its attribute `affine` is 4 x 4, or one for each row (h5py)"
    suffixes = SUFFIXES
    members = True
    package, extra = "h5py", "hdf5"
    version = 1

    def open(self, path: Path) -> SpatialImage:
        """Read a row and its affine."""
        from saliency.readers.containers import volume_of

        return volume_of(*_row(self.file(path), path))


def _opened(path: Path) -> Any:
    # Several jobs read at once, also where the file system has no locks.
    return needed("h5py", "hdf5").File(path, "r", locking=False)


def _row(path: Path, member: Path) -> tuple[np.ndarray, np.ndarray | None]:
    from saliency.readers.containers import opened_once, row_of

    h5py = needed("h5py", "hdf5")
    file = opened_once(_opened, path)

    def array(name: str) -> Any:
        found = file[name] if name else None
        if not isinstance(found, h5py.Dataset) or found.ndim == 0:
            raise KeyError(name)
        return found

    def names() -> list[str]:
        known: list[str] = []
        file.visititems(lambda name, found: known.append(f"/{name}") if isinstance(found, h5py.Dataset) else None)
        return known

    return row_of(array, names, member)
