"""How alike two maps are."""

from collections.abc import Sequence

import numpy as np

from saliency.methods.registered import method
from saliency.metrics.batch import Batch, Measured
from saliency.metrics.magnitude import unsigned
from saliency.metrics.measure import Measure


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    r"""Rank correlation of the values of two maps, -1 … 1; independent maps have 0.

    Pearson's correlation of the ranks r and s, ties sharing their mean rank:

    .. math:: \frac{\sum_i (r_i - \bar r)(s_i - \bar s)}{\sqrt{\sum_i (r_i - \bar r)^2 \sum_i (s_i - \bar s)^2}}

    Spearman, "The Proof and Measurement of Association between Two Things", 1904, https://doi.org/10.2307/1412159

    Parameters
    ----------
    first, second
        ``(n, …)``, of one shape.

    Returns
    -------
    ndarray
        ``(n,)``, float64; NaN where a map has the same value everywhere or holds NaN.

    Examples
    --------
    >>> spearman(np.array([[1.0, 2.0, 3.0]]), np.array([[10.0, 30.0, 20.0]]))
    array([0.5])
    """
    from scipy.stats import rankdata

    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    for values in ranks:
        values -= (values.shape[1] + 1) / 2
    norms = [np.sqrt((values**2).sum(axis=1)) for values in ranks]
    product = (ranks[0] * ranks[1]).sum(axis=1)
    scale = norms[0] * norms[1]
    return np.divide(product, scale, out=np.full(len(product), np.nan), where=scale > 0)


def on_grid(maps: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Mean of each map over the cells of a coarser grid, such as that of a feature map.

    Parameters
    ----------
    maps
        ``(n, *spatial)``.
    shape
        Of the grid.

    Returns
    -------
    ndarray
        ``(n, *shape)``.

    Examples
    --------
    >>> on_grid(np.array([[[1.0, 3.0, 5.0, 7.0]]]), (1, 2))
    array([[[2., 6.]]])
    """
    import torch
    from torch.nn import functional

    pool = {2: functional.adaptive_avg_pool2d, 3: functional.adaptive_avg_pool3d}[len(shape)]
    # torch's stubs know sizes of one axis only.
    pooled: np.ndarray = pool(torch.from_numpy(np.ascontiguousarray(maps)), tuple(shape)).numpy()  # type: ignore[arg-type]
    return pooled


def agreement(coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Whether two maps of different resolution see the same places, -1 … 1; independent maps have 0.

    `spearman` of the coarse map and the mean of the fine one in each of its cells. Rank correlation, because the two
    differ in unit and distribution; on the coarse grid, because the upsampled map knows no more than its cells, and
    single pixels of the fine one are edges and noise.

    Parameters
    ----------
    coarse
        ``(n, *feature_spatial)``, at its own resolution.
    fine
        ``(n, *spatial)``, not negative.

    Examples
    --------
    >>> agreement(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 3.0, 5.0, 7.0]]]))
    array([1.])
    """
    return spearman(coarse, on_grid(fine, coarse.shape[1:]))


def _agreement(measured: Measured) -> np.ndarray:
    fine = measured.batch.fine[0]
    return agreement(measured.native, unsigned(measured.raw[fine], method(fine)))


AGREEMENT = Measure(
    name="agreement",
    title="Agreement of two methods",
    meaning="Rank correlation of the map and that of another method on the input's grid, in the cells of the map.",
    values=_agreement,
    range=(-1, 1),
    chance=0,
    needs="methods",
)


def _between_targets(batch: Batch) -> np.ndarray:
    """`spearman` of the maps of two targets, ``(n, methods)``."""
    first, second = (batch.raw[target] for target in batch.compared)
    pairs = [[unsigned(maps[name], method(name)) for maps in (first, second)] for name in batch.methods]
    return np.stack([spearman(*pair) for pair in pairs], axis=1)


SIMILARITY = Measure(
    name="similarity",
    title="Similarity of two targets",
    meaning="Rank correlation of the maps of the first two targets of a sample: near 1, the method hardly depends on "
    "the class.",
    values=lambda measured: measured.batch.once(_between_targets),
    range=(-1, 1),
    direction="lower is better",
    chance=0,
    needs="targets",
    per="method",
)


def ssim(first: np.ndarray, second: np.ndarray, window: int = 7) -> np.ndarray:
    r"""Mean structural similarity of two maps whose values lie in 0 … 1; 1 for equal maps, about 0 for unrelated ones.

    From the means :math:`\mu`, variances :math:`\sigma^2` and covariance in a window around each pixel,

    .. math:: \frac{2 \mu_a \mu_b + c_1}{\mu_a^2 + \mu_b^2 + c_1} \cdot
              \frac{2 \sigma_{ab} + c_2}{\sigma_a^2 + \sigma_b^2 + c_2}, \qquad c_1 = 0.01^2, \; c_2 = 0.03^2

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004,
    https://doi.org/10.1109/TIP.2003.819861; with an even window and sample covariance, as in scikit-image.

    Parameters
    ----------
    first, second
        ``(n, *spatial)``.
    window
        Odd side of the window in pixels; windows that leave the image do not count.

    Returns
    -------
    ndarray
        ``(n,)``, float64; NaN where a map holds NaN.

    Raises
    ------
    ValueError
        If the maps are smaller than the window.

    Examples
    --------
    >>> maps = np.linspace(0, 1, 100).reshape(1, 10, 10)
    >>> ssim(maps, maps)
    array([1.])
    """
    from scipy.ndimage import uniform_filter

    if min(first.shape[1:]) < window:
        raise ValueError(f"maps of shape {first.shape[1:]} are smaller than the window of {window}")
    result = np.empty(len(first))
    samples = window ** (first.ndim - 1)
    inner = (slice(window // 2, -(window // 2)),) * (first.ndim - 1)
    for number, (a, b) in enumerate(zip(first.astype(np.float64), second.astype(np.float64), strict=True)):
        mean_a, mean_b, mean_aa, mean_bb, mean_ab = (
            uniform_filter(values, window) for values in (a, b, a * a, b * b, a * b)
        )
        correction = samples / (samples - 1)
        variances = correction * (mean_aa - mean_a**2 + mean_bb - mean_b**2)
        covariance = correction * (mean_ab - mean_a * mean_b)
        likeness = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
        result[number] = (likeness / ((mean_a**2 + mean_b**2 + 1e-4) * (variances + 9e-4)))[inner].mean()
    return result
