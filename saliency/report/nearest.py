"""Which samples have maps like one another's."""

import numpy as np

from saliency.report.scripts import packed

# Neighbours of each sample.
COUNT = 6
# Products of an exact search, at most: 100,000 samples on 8 x 8 cells.
MOST_PRODUCTS = 100_000**2 * 64


def nearest_maps(grids: np.ndarray, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    r"""Find for each map those with which it correlates most.

    Of maps with mean 0 and norm 1, :math:`\|a - b\|^2 = 2 - 2r`: the nearest have the highest correlation :math:`r`.

    Parameters
    ----------
    grids
        ``(n, *grid)``: maps, pooled. Those that are constant or hold NaN have no correlation.
    count
        How many to find; fewer where there are fewer.

    Returns
    -------
    rows
        ``(n, k)``, int: the nearest first; -1 for maps without a correlation.
    correlations
        ``(n, k)``, Pearson's, NaN there.

    Examples
    --------
    >>> grids = np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0], [3.0, 1.0, 0.0], [0.0, 2.0, 4.0]])
    >>> rows, correlations = nearest_maps(grids, 1)
    >>> rows.ravel().tolist(), correlations.round(2).ravel().tolist()
    ([3, -1, 0, 0], [1.0, nan, -0.98, 1.0])
    """
    from sklearn.neighbors import NearestNeighbors

    flat = grids.reshape(len(grids), -1).astype(np.float64)
    centred = flat - flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1)
    # What is left of a constant map after its mean is rounding.
    scale = np.abs(flat).max(axis=1, initial=0)
    valid = np.flatnonzero(np.isfinite(norm) & (norm > 1e-6 * scale))
    found = min(count, max(0, len(valid) - 1))
    rows, correlations = np.full((len(grids), found), -1), np.full((len(grids), found), np.nan)
    if found:
        unit = centred[valid] / norm[valid, np.newaxis]
        # In so many dimensions a tree visits every leaf.
        search = NearestNeighbors(n_neighbors=found, algorithm="brute").fit(unit)
        distances, neighbours = search.kneighbors()
        rows[valid], correlations[valid] = valid[neighbours], 1 - distances**2 / 2
    return rows, correlations


def nearest_data(grids: np.ndarray) -> dict[str, str] | None:
    """Write `nearest_maps` for the page, `packed`: rows by sample, and correlations in percent; None of too many.

    Parameters
    ----------
    grids
        ``(n, *grid)``.
    """
    if len(grids) * grids.size > MOST_PRODUCTS:
        return None
    rows, correlations = nearest_maps(grids)
    missing = ((0, 0), (0, COUNT - rows.shape[1]))
    percent = np.where(np.isnan(correlations), 0, np.round(100 * correlations))
    return {
        "rows": packed(np.pad(rows, missing, constant_values=-1), "<i4"),
        "percent": packed(np.pad(percent, missing), "<i1"),
    }
