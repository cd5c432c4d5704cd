"""Arrays in Zarr, of which each row is a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.readers.reader import ImageReader, VolumeReader

if TYPE_CHECKING:
    import numpy as np
    from nibabel.spatialimages import SpatialImage
    from PIL import Image

SUFFIXES = (".zarr",)


class ZarrImages(ImageReader):
    """Rows ``(h, w)``, ``(h, w, c)`` or ``(c, h, w)``."""

    name = "zarr_images"
    title = "rows of an array in Zarr, `store.zarr::images#7`, or of a store that is an array, `images.zarr#7`"
    suffixes = SUFFIXES
    folders = True
    members = True
    version = 1

    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Read a row; 8 and 16 bits are scaled to 0 … 1, as those of photographs are."""
        from saliency.readers.arrays import channels_first, picture_of

        return picture_of(channels_first(_row(self.file(path), path)[0]))


class ZarrVolumes(VolumeReader):
    """Rows ``(i, j, k)`` or ``(i, j, k, c)``; the array's attribute ``affine`` says where they lie."""

    name = "zarr_volumes"
    title = "rows of an array in Zarr, `store.zarr::scans#7`; its attribute `affine` is 4 x 4, or one for each row"
    suffixes = SUFFIXES
    folders = True
    members = True
    version = 1

    def open(self, path: Path) -> SpatialImage:
        """Read a row and its affine."""
        from saliency.readers.containers import volume_of

        return volume_of(*_row(self.file(path), path))


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
