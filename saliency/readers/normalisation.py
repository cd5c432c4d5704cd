"""The last step before the network, which is not stored."""

from collections.abc import Sequence

import numpy as np


def normalised(inputs: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """What a network sees of samples: ``(inputs - mean) / std`` for each channel.

    Parameters
    ----------
    inputs
        ``(n, c, *spatial)``, as stored; NaN stays NaN.
    mean, std
        One number per channel, or one for all.

    Returns
    -------
    ndarray
        ``(n, c, *spatial)``, of the same dtype.

    Examples
    --------
    >>> normalised(np.full((1, 1, 1, 2), 5, dtype=np.float32), [1.0], [2.0]).tolist()
    [[[[2.0, 2.0]]]]
    """
    dims = (-1, *[1] * (inputs.ndim - 2))
    centre, scale = (np.asarray(values, dtype=inputs.dtype).reshape(dims) for values in (mean, std))
    # A sample that overflows is named where the network's output is judged.
    with np.errstate(over="ignore", invalid="ignore"):
        return (inputs - centre) / scale
