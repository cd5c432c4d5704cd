"""TIFF: as Pillow reads it, and through tifffile where Pillow would leave bands out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.readers.arrays import picture_of
from saliency.readers.formats.pillow import PillowImages
from saliency.readers.packages import needed
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from saliency.readers.colours import Numbers

DESCRIPTION, SAMPLES_PER_PIXEL, EXTRA_SAMPLES = 270, 277, 338
# An extra sample that is no opacity, as far as the file says.
UNSPECIFIED = 0
# Letters that tifffile has for axes of channels.
CHANNELS = "CS"


class TiffImages(ImageReader):
    """Images of any number of bands; of several pages the first, unless the file says that they are channels."""

    name = "tiff"
    title = "TIFF, also of 2, 4 or more bands and of floating point colours (tifffile)"
    suffixes = (".tif", ".tiff")
    version = 1

    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Decode an image with all of its bands; 8 and 16 bits are scaled to 0 … 1."""
        return PillowImages().open(path) if _held_by_pillow(path) else picture_of(_bands(path))

    def numbers(self, path: Path) -> Image.Image | np.ndarray | Numbers:
        """As `open`, but not scaled."""
        from saliency.readers.colours import Numbers

        return PillowImages().open(path) if _held_by_pillow(path) else Numbers(_bands(path))


def _held_by_pillow(path: Path) -> bool:
    """Whether an image of Pillow holds all bands, or Pillow's words are the right ones for a file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            tags = getattr(image, "tag_v2", {})
            bands = len(image.getbands())
            if getattr(image, "n_frames", 1) > 1 and _pages_are_channels(str(tags.get(DESCRIPTION, ""))):
                return False
            return UNSPECIFIED not in tags.get(EXTRA_SAMPLES, ()) and tags.get(SAMPLES_PER_PIXEL, bands) <= bands
    except Image.DecompressionBombError:
        return True
    except UnidentifiedImageError:
        with path.open("rb") as file:
            return file.read(2) not in (b"II", b"MM")


def _pages_are_channels(description: str) -> bool:
    """Whether ImageJ or OME says that pages are channels."""
    imagej = any(line.startswith("channels=") and line != "channels=1" for line in description.splitlines())
    return imagej or ("<OME" in description and 'SizeC="1"' not in description)


def _bands(path: Path) -> np.ndarray:
    """All bands, ``(c, h, w)``."""
    import numpy as np

    tifffile = needed("tifffile", "tiff")
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        if set(series.axes) - set("YX" + CHANNELS) or len(series.axes) > 3:
            raise InputError(
                Status.WRONG_SHAPE,
                f"has axes {series.axes} of shape {series.shape}, more than height, width and channels: save one of "
                "its planes",
            )
        values: np.ndarray = series.asarray()
        axis = next((at for at, letter in enumerate(series.axes) if letter in CHANNELS), None)
        return values[np.newaxis] if axis is None else np.moveaxis(values, axis, 0)
