"""Photographs, in any format of Pillow."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from saliency.exceptions import InputError, Status
from saliency.readers.files import LARGEST_IMAGE, words_of
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)


class PillowImages(ImageReader):
    """Photographs that Pillow decodes; of an animation the first frame. The default for images."""

    name = "pillow"
    title = "Pillow's formats: JPEG, PNG, WebP, GIF, BMP, …"
    version = 1

    def open(self, path: Path) -> Image.Image:
        """Decode a photograph and turn it upright, as its EXIF data says."""
        # Opened by name, an uncompressed TIFF that its orientation tag turns is read with swapped sides: Pillow 13.
        with path.open("rb") as file:
            return decoded(file, path)


def decoded(file: BinaryIO, path: Path) -> Image.Image:
    """Decode a photograph and turn it upright, as its EXIF data says.

    Parameters
    ----------
    file
        The file, or the part of one, that holds it.
    path
        For the log.

    Raises
    ------
    InputError
        If Pillow does not know the format, or refuses its size.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            image.load()
            try:
                return ImageOps.exif_transpose(image)
            # Whatever stands in the place of EXIF data, the pixels have been decoded.
            except Exception as error:
                said = words_of(error, path)
                log.warning("%s: its EXIF data is unreadable (%s): taken as stored, not turned", path, said)
                return image.copy()
    except Image.DecompressionBombError as error:
        raise InputError(
            Status.WRONG_SHAPE, f"has more than {LARGEST_IMAGE:,} pixels: scale the file down or cut it into tiles"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            Status.UNREADABLE,
            "cannot be decoded (no format that Pillow reads): convert or replace the file, or remove the row",
        ) from error
