"""In which format a photograph is stored."""

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture


def picture_format(picture: Picture) -> dict[str, Value]:
    """Format and mode as Pillow calls them, bits of each channel in Pillow, and 1 where there is an EXIF block, else 0.

    Empty where Pillow does not know the format. Pillow gives 8 bits also of PNG files with 16 bits and colours.
    """
    header = picture.header
    if header is None:
        return {}
    from PIL import ImageMode

    stored = np.dtype(ImageMode.getmode(header.mode).typestr)
    return {
        "format": header.format,
        "mode": header.mode,
        "bit_depth": 1 if header.mode == "1" else 8 * stored.itemsize,
        "exif": float("exif" in header.info),
    }


PICTURE_FORMAT = FactGroup(
    "picture_format",
    "Format, colour mode, bits of each channel, and whether there is EXIF data.",
    (
        Fact("format", "format"),
        Fact("mode", "colour mode"),
        Fact("bit_depth", "bit depth"),
        Fact("exif", "presence of EXIF data (1 or 0)"),
    ),
    picture_format,
    "2D",
)
