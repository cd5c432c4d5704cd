"""Arrays of NumPy as images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.readers.arrays import channels_first, picture_of
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class NumpyImages(ImageReader):
    """Arrays ``(h, w)``, ``(h, w, c)`` or ``(c, h, w)``."""

    name = "numpy_images"
    title = "NumPy's arrays: (h, w), or with channels first or last"
    suffixes = (".npy",)
    version = 1

    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Read an array; 8 and 16 bits are scaled to 0 … 1, as those of photographs are."""
        import numpy as np

        return picture_of(channels_first(np.load(path, allow_pickle=False)))
