"""Photographs, in any format of Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.readers.files import LARGEST_IMAGE
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    from PIL import Image


class PillowImages(ImageReader):
    """Photographs that Pillow decodes; of an animation the first frame. The default for images."""

    name = "pillow"
    title = "Pillow's formats: JPEG, PNG, TIFF, WebP, GIF, BMP, …"
    version = 1

    def open(self, path: Path) -> Image.Image:
        """Decode a photograph and turn it upright, as its EXIF data says."""
        from PIL import Image, ImageOps, UnidentifiedImageError

        try:
            # Opened by name, an uncompressed TIFF that its orientation tag turns is read with swapped sides: Pillow 13.
            with path.open("rb") as file, Image.open(file) as image:
                return ImageOps.exif_transpose(image)
        except Image.DecompressionBombError as error:
            raise InputError(
                Status.WRONG_SHAPE, f"has more than {LARGEST_IMAGE:,} pixels: scale the file down or cut it into tiles"
            ) from error
        except UnidentifiedImageError as error:
            raise InputError(
                Status.UNREADABLE,
                "cannot be decoded (no format that Pillow reads): convert or replace the file, or remove the row",
            ) from error
