"""Photographs of phones: HEIC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.readers.packages import needed
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    from PIL import Image


class HeifImages(ImageReader):
    """Photographs in HEIF, of several the first."""

    name = "heif"
    title = "HEIC and HEIF, photographs of phones (pillow-heif)"
    suffixes = (".heic", ".heif", ".hif")
    package, extra = "pillow_heif", "heif"
    version = 1

    def open(self, path: Path) -> Image.Image:
        """Decode a photograph, which libheif turns upright."""
        pillow_heif = needed("pillow_heif", "heif")
        with path.open("rb") as file:
            image: Image.Image = pillow_heif.open_heif(file).to_pillow()
        return image
