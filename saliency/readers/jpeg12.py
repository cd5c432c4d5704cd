"""Lossy JPEG of 12 bits in DICOM, which neither GDCM nor Pillow decodes: a plugin for pydicom that asks imagecodecs.

pydicom's guide to decoder plugins says what a module of this kind has to hold.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pydicom.pixels.decoders.base import JPEGExtended12BitDecoder
from pydicom.uid import JPEGExtended12Bit

from saliency.files.paths import find_package

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("imagecodecs",)}
_LABEL = "imagecodecs"


def is_available(uid: str) -> bool:
    """Whether this plugin can decode a transfer syntax."""
    return uid == JPEGExtended12Bit and find_package("imagecodecs") is not None


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame to little-endian values of the bits that are allocated for them."""
    import imagecodecs

    values = imagecodecs.jpeg8_decode(source)
    runner.set_option("bits_allocated", 8 * values.itemsize)
    found: bytes = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return found


@cache
def add_decoder() -> None:
    """Hand the plugin to pydicom, once in a process."""
    JPEGExtended12BitDecoder.add_plugin(_LABEL, (__name__, "decode_frame"))
