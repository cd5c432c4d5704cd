"""With which quality a JPEG file was saved."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, cast

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile


@cache
def _tables() -> np.ndarray:
    """Luminance table of each quality of libjpeg from 1 to 100, ``(100, 64)``, as libjpeg itself writes it."""
    from PIL import Image

    found = []
    for quality in range(1, 101):
        content = BytesIO()
        Image.new("L", (1, 1)).save(content, "JPEG", quality=quality)
        with Image.open(content) as image:
            found.append(cast("JpegImageFile", image).quantization[0])
    return np.array(found)


def estimated_quality(table: list[int]) -> int:
    r"""Quality of libjpeg whose luminance table is nearest to a file's.

    libjpeg scales the table :math:`B` of the JPEG standard (Annex K of https://www.w3.org/Graphics/JPEG/itu-t81.pdf):

    .. math::
        T_q(i) = \min(255, \max(1, \lfloor (B(i)\, s_q + 50) / 100 \rfloor)), \qquad
        s_q = 5000 / q \text{ for } q < 50, \text{ else } 200 - 2 q

    and the estimate is :math:`\arg\min_q \sum_i |T(i) - T_q(i)|`. It is exact for files that libjpeg wrote; other
    programs, such as Photoshop, have tables of their own.

    Parameters
    ----------
    table
        64 numbers, row by row.

    Examples
    --------
    >>> estimated_quality([1] * 64), estimated_quality([255] * 64)
    (100, 1)
    """
    return int(np.abs(_tables() - np.array(table)).sum(axis=1).argmin()) + 1


def jpeg_quality(picture: Picture) -> dict[str, Value]:
    """Estimated quality, 1 … 100; empty for other formats."""
    tables: dict[int, list[int]] = getattr(picture.header, "quantization", {})
    return {"jpeg_quality": estimated_quality(tables[0])} if 0 in tables else {}


JPEG_QUALITY = FactGroup(
    "jpeg_quality",
    "Quality of JPEG files, estimated from their quantisation table.",
    (Fact("jpeg_quality", "JPEG quality"),),
    jpeg_quality,
    "2D",
)
