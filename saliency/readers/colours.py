"""From what a reader opens to as many channels as a network sees, and to the range of their values."""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

from saliency.exceptions import InputError, Status

# Largest value of a picture whose 16 bits are so empty that fewer were meant.
FEWER_BITS = 2**13


@dataclass(frozen=True)
class Numbers:
    """The numbers of a picture, before they are scaled.

    Attributes
    ----------
    values
        ``(c, h, w)``, as the file means them: of DICOM with its slope and intercept.
    inverted
        Whether large numbers are dark, as in DICOM's MONOCHROME1.
    """

    values: np.ndarray
    inverted: bool = False


@dataclass(frozen=True)
class Limits:
    """The numbers that become 0 and 1.

    Attributes
    ----------
    low, high
        The two.
    clipped
        Whether what lies beyond becomes 0 or 1 as well; it is refused otherwise.
    """

    low: float
    high: float
    clipped: bool

    def scale(self, numbers: Numbers) -> np.ndarray:
        """Bring numbers to 0 … 1, float32.

        Raises
        ------
        InputError
            If some lie beyond the limits, and are not clipped.

        Examples
        --------
        >>> Limits(0, 4095, False).scale(Numbers(np.array([[[0, 4095]]]))).tolist()
        [[[0.0, 1.0]]]
        """
        # Unsigned numbers below the limit would wrap round.
        values = numbers.values.astype(np.float64)
        if not self.clipped and (values.min() < self.low or values.max() > self.high):
            raise InputError(
                Status.UNSUPPORTED,
                f"holds values from {values.min():g} to {values.max():g}, outside the value_range of {self.low:g} to "
                f"{self.high:g}: correct value_range, or set window, which clips",
            )
        found = ((values - self.low) / (self.high - self.low)).clip(0, 1).astype(np.float32)
        return 1 - found if numbers.inverted else found


def numbers_of(image: Image.Image | np.ndarray | Numbers, channels: int) -> Numbers:
    """The numbers of what a reader opened; of colours, in as many channels as are wanted."""
    if isinstance(image, Numbers):
        return image
    if isinstance(image, np.ndarray):
        return Numbers(image)
    if not image.mode.startswith(("I", "F")):
        image, _ = in_colours(image, channels)
    values = np.asarray(image)
    return Numbers(values[np.newaxis] if values.ndim == 2 else np.moveaxis(values, -1, 0))


def check_array(values: np.ndarray) -> None:
    """Refuse an array that is no picture.

    Raises
    ------
    InputError
        If it has not three axes, or holds no real numbers.
    """
    if values.ndim != 3 or min(values.shape) < 1:
        raise InputError(Status.WRONG_SHAPE, f"has shape {values.shape}, which is no image: remove the row")
    if values.dtype.kind not in "biuf":
        raise InputError(Status.UNSUPPORTED, f"holds {values.dtype} values: save it with real numbers")


def as_channels(values: np.ndarray, count: int) -> list[Image.Image]:
    """Channels of an array ``(c, h, w)`` as floating point images."""
    if len(values) not in (1, count):
        raise InputError(
            Status.WRONG_SHAPE,
            f"has {len(values)} channels instead of {count}: set input.channels, or convert the file",
        )
    # What float32 cannot hold becomes infinite, which is refused later.
    with np.errstate(over="ignore"):
        return [Image.fromarray(channel) for channel in values.astype(np.float32)]


def bits_caution(image: Image.Image | np.ndarray | Numbers) -> str | None:
    """Say of a picture of 16 bits that it looks like one of fewer; None where it does not.

    Examples
    --------
    >>> bits_caution(Image.fromarray(np.array([[0, 4080]], dtype=np.uint16)))[:35]
    'holds values up to 4080 of 65535, w'
    """
    if not isinstance(image, Image.Image) or not image.mode.startswith("I"):
        return None
    high = int(np.asarray(image).max())
    if not 0 < high < FEWER_BITS:
        return None
    bits = max(8, math.ceil(math.log2(high + 1)))
    return (
        f"holds values up to {high} of 65535, which makes it all but black: if it has {bits} bits, set "
        f"input.value_range: [0, {2**bits - 1}]"
    )


def in_colours(image: Image.Image, channels: int) -> tuple[Image.Image, float]:
    """An image of Pillow in greyscale, RGB, its own bands or floating point, and the value that stands for 1."""
    if image.mode.startswith(("I", "F")):
        # Deep greyscale stays in floating point; Pillow's own conversion to 8 bits would clip it.
        scale = 1.0 if image.mode == "F" else 65535.0
        image = image.convert("F")
        low, high = cast("tuple[float, float]", image.getextrema())
        if scale != 1.0 and (low < 0 or high > scale):
            raise InputError(
                Status.UNSUPPORTED,
                f"holds integers from {low:.0f} to {high:.0f}, outside 0 … 65535: save it with 16 bits or as floating "
                "point",
            )
        return image, scale
    if channels not in (1, 3):
        bands = image.getbands()
        if len(bands) != channels:
            raise InputError(
                Status.WRONG_SHAPE,
                f"has {len(bands)} channels ({image.mode}) instead of {channels}: set input.channels, or convert the "
                "file",
            )
        return image, 255.0
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB" if channels == 3 else "L"), 255.0
