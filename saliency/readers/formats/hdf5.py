"""Arrays in HDF5, of which each row is a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.readers.packages import needed
from saliency.readers.row_readers import RowImages, RowReader, RowVolumes

if TYPE_CHECKING:
    import numpy as np


class _Hdf5(RowReader):
    suffixes = (".h5", ".hdf5", ".hdf")
    package, extra = "h5py", "hdf5"
    version = 1

    def row(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        """Open the file once in a process, and read a row."""
        return _row(self.file(path), path)


class Hdf5Images(_Hdf5, RowImages):
    """Rows of pictures."""

    name = "hdf5_images"
    title = "rows of an array in HDF5, `file.h5::/images#7` (h5py)"


class Hdf5Volumes(_Hdf5, RowVolumes):
    """Rows of volumes."""

    name = "hdf5_volumes"
    title = "rows of an array in HDF5, `file.h5::/scans#7`; its attribute `affine` is 4 x 4, or one for each row (h5py)"
    version = 2


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
