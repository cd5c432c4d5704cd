"""Losses of detail: resolution, blur, compression, noise."""

from io import BytesIO

import numpy as np

from saliency.audit.degradations.degradation import Degradation, spread


def _lower_resolution(x: np.ndarray, factor: float) -> np.ndarray:
    """Shrink each spatial axis by averaging, and enlarge it again."""
    from skimage.transform import resize

    small = [max(1, round(size / factor)) for size in x.shape[2:]]
    shrunk = resize(x, (*x.shape[:2], *small), order=1, anti_aliasing=True, preserve_range=True)  # type: ignore[no-untyped-call]
    enlarged = resize(shrunk, x.shape, order=1, preserve_range=True)  # type: ignore[no-untyped-call]
    return np.asarray(enlarged, dtype=x.dtype)


def _blur(x: np.ndarray, share: float) -> np.ndarray:
    """Gaussian whose standard deviation is a share, in percent, of each side."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(x, [0, 0, *(size * share / 100 for size in x.shape[2:])], mode="nearest"))


def _compress(x: np.ndarray, quality: float) -> np.ndarray:
    """Encode as JPEG, and decode."""
    from PIL import Image

    found = np.empty_like(x)
    for number, pixels in enumerate(np.rint(np.clip(np.nan_to_num(x), 0, 1) * 255).astype(np.uint8)):
        file = BytesIO()
        Image.fromarray(np.moveaxis(pixels, 0, -1)).save(file, "JPEG", quality=int(quality))
        found[number] = np.moveaxis(np.asarray(Image.open(file)), -1, 0) / np.float32(255)
    return found


def _noise(x: np.ndarray, share: float) -> np.ndarray:
    """Gaussian noise whose standard deviation is a share, in percent, of each sample's own."""
    drawn = np.random.default_rng(0).standard_normal(x.shape, dtype=np.float32)
    return np.asarray(x + drawn * spread(x) * share / 100, dtype=x.dtype)


RESOLUTION = Degradation("resolution", "a resolution {} times lower", (2, 4), _lower_resolution)
BLUR = Degradation("blur", "a blur of {} % of each side", (0.7, 1.5), _blur)
COMPRESSION = Degradation("compression", "JPEG compression at quality {}", (30, 10), _compress, colours=True, ndim=2)
NOISE = Degradation("noise", "noise of {} % of the contrast", (25, 50), _noise)
