"""What readers of arrays have in common, of which each row is a sample."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from saliency.readers.reader import ImageReader, Reader, VolumeReader

if TYPE_CHECKING:
    import numpy as np
    from nibabel.spatialimages import SpatialImage
    from PIL import Image


class RowReader(Reader):
    """A format whose file holds arrays: ``file::array#row``."""

    members = True

    @abstractmethod
    def row(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        """What `saliency.readers.containers.row_of` reads for a sample."""


class RowImages(RowReader, ImageReader):
    """Rows ``(h, w)``, ``(h, w, c)`` or ``(c, h, w)``."""

    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Read a row; 8 and 16 bits are scaled to 0 … 1, as those of photographs are."""
        from saliency.readers.arrays import channels_first, picture_of

        return picture_of(channels_first(self.row(path)[0]))


class RowVolumes(RowReader, VolumeReader):
    """Rows ``(i, j, k)`` or ``(i, j, k, c)``; the array's attribute ``affine`` says where they lie."""

    def open(self, path: Path) -> SpatialImage:
        """Read a row and its affine."""
        from saliency.readers.containers import volume_of

        return volume_of(*self.row(path))
