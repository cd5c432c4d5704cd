"""Arrays in Zarr, of which each row is a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.readers.row_readers import RowImages, RowReader, RowVolumes

if TYPE_CHECKING:
    import numpy as np


class _Zarr(RowReader):
    suffixes = (".zarr",)
    folders = True
    version = 1

    def row(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        """Open the file once in a process, and read a row."""
        return _row(self.file(path), path)


class ZarrImages(_Zarr, RowImages):
    """Rows of pictures."""

    name = "zarr_images"
    title = "rows of an array in Zarr, `store.zarr::images#7`, or of a store that is an array, `images.zarr#7`"


class ZarrVolumes(_Zarr, RowVolumes):
    """Rows of volumes."""

    name = "zarr_volumes"
    title = "rows of an array in Zarr, `store.zarr::scans#7`; its attribute `affine` is 4 x 4, or one for each row"
    version = 2


def _opened(path: Path) -> Any:
    import zarr

    return zarr.open(path, mode="r")


def _row(path: Path, member: Path) -> tuple[np.ndarray, np.ndarray | None]:
    import zarr

    from saliency.readers.containers import opened_once, row_of

    store = opened_once(_opened, path)

    def array(name: str) -> Any:
        found: Any = store if isinstance(store, zarr.Array) and not name else None
        if isinstance(store, zarr.Group) and name:
            found = store[name.strip("/")]
        if not isinstance(found, zarr.Array) or found.ndim == 0:
            raise KeyError(name)
        return found

    def names() -> list[str]:
        if isinstance(store, zarr.Array):
            return []
        return [name for name, found in store.members(max_depth=None) if isinstance(found, zarr.Array)]

    return row_of(array, names, member)
