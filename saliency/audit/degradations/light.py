"""Changes of light and colour: brightness, contrast, tint, greyscale."""

import numpy as np

from saliency.audit.degradations.degradation import Degradation, spread


def _brighten(x: np.ndarray, share: float) -> np.ndarray:
    """Add a share, in percent, of each sample's standard deviation."""
    return np.asarray(x + spread(x) * share / 100, dtype=x.dtype)


def _contrast(x: np.ndarray, percent: float) -> np.ndarray:
    """Bring values nearer to each sample's mean, or away from it."""
    mean = x.mean(axis=tuple(range(1, x.ndim)), keepdims=True)
    return np.asarray((x - mean) * percent / 100 + mean, dtype=x.dtype)


def _tint(x: np.ndarray, percent: float) -> np.ndarray:
    """Multiply the first channel by more than one and the last by less, or the other way round."""
    factors = np.array([1 + percent / 100, 1, 1 - percent / 100], dtype=x.dtype)
    return np.asarray(x * factors.reshape(1, 3, *[1] * (x.ndim - 2)))


def _grey(x: np.ndarray, _: float) -> np.ndarray:
    """Luma of ITU-R BT.601 in each channel."""
    weights = np.array([0.299, 0.587, 0.114], dtype=x.dtype).reshape(1, 3, *[1] * (x.ndim - 2))
    return np.broadcast_to((x * weights).sum(axis=1, keepdims=True), x.shape).copy()


BRIGHTNESS = Degradation("brightness", "a brightness changed by {} % of the contrast", (-60, 60), _brighten)
CONTRAST = Degradation("contrast", "a contrast of {} %", (50, 150), _contrast)
TINT = Degradation("tint", "a tint of {} %", (-15, 15), _tint, colours=True)
GREYSCALE = Degradation("greyscale", "greyscale ({} %)", (100,), _grey, colours=True)
