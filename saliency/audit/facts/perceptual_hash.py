"""A fingerprint of what a photograph shows, which scaling and compression hardly change."""

from __future__ import annotations

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture

# Side of the picture of which the cosines are computed, and how many of them along each axis count.
SIDE, KEPT = 32, 8
# Standard deviation of the luminance, 0 … 1, below which there is nothing to tell pictures apart by.
FLAT = 1 / 255


def perceptual_hash(luminance: np.ndarray) -> str | None:
    """Hash of 64 bits: which of the lowest 8 x 8 cosines of a picture of 32 x 32 pixels are above their median.

    Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, https://www.phash.org

    Parameters
    ----------
    luminance
        ``(h, w)``, 0 … 1.

    Returns
    -------
    str or None
        16 hexadecimal digits; None for a picture that is the same everywhere, or that has a side of less than 32
        pixels: digits and icons are alike to a hash although they show different things.

    Examples
    --------
    >>> picture = np.random.default_rng(0).random((70, 90))
    >>> perceptual_hash(picture) == perceptual_hash(picture / 2), perceptual_hash(np.zeros((90, 90)))
    (True, None)
    """
    from PIL import Image
    from scipy.fft import dctn

    if min(luminance.shape) < SIDE:
        return None
    image = Image.fromarray(luminance.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small = np.asarray(image, dtype=np.float64)
    if small.std() < FLAT:
        return None
    lowest = dctn(small)[:KEPT, :KEPT]
    return np.packbits(lowest > np.median(lowest)).tobytes().hex()


def picture_hash(picture: Picture) -> dict[str, Value]:
    """Hash of the luminance."""
    return {"hash": perceptual_hash(picture.luminance)}


PERCEPTUAL_HASH = FactGroup(
    "perceptual_hash",
    "Perceptual hash, by which near duplicates are found.",
    (Fact("hash", "perceptual hash", compared=False),),
    picture_hash,
    "2D",
)
