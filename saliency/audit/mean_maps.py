"""Mean maps of groups, summed up as maps pass by, and a test of whether they differ."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from saliency.audit.grid import energy_shares
from saliency.experiment.keys.audit_settings import STATISTICS_KEYS
from saliency.registry.key import default_of

# Exchanged members that are held at a time.
BATCH = 2**22


@dataclass
class MeanMaps:
    """Means over maps that never lie in memory together.

    Each map is divided by its sum first, so that every sample counts the same. Maps that are zero everywhere or hold
    NaN have no such form; they are left out.

    Attributes
    ----------
    counts
        By group: number of maps in the mean.

    Examples
    --------
    >>> means = MeanMaps()
    >>> means.add(["a", "a", "b"], np.array([[[1.0, 3.0]], [[2.0, 2.0]], [[0.0, 0.0]]]))
    >>> means.mean("a"), means.counts
    (array([[0.375, 0.625]]), {'a': 2})
    """

    counts: dict[Hashable, int] = field(default_factory=dict)
    _sums: dict[Hashable, np.ndarray] = field(default_factory=dict)

    def add(self, groups: Sequence[Hashable], maps: np.ndarray) -> None:
        """Add maps ``(n, *spatial)``, not negative, and each one's group."""
        # Sums of float32 that are made float64 as they are summed up depend on the size of NumPy's buffers.
        shares, valid = energy_shares(maps.astype(np.float64))
        for group in dict.fromkeys(groups):
            good = valid & np.array([other == group for other in groups])
            if good.any():
                self.counts[group] = self.counts.get(group, 0) + int(good.sum())
                self._sums[group] = self._sums.get(group, 0) + shares[good].sum(axis=0)

    @property
    def groups(self) -> list[Hashable]:
        """Groups that have a mean map, in order of appearance."""
        return list(self._sums)

    def mean(self, group: Hashable) -> np.ndarray:
        """Mean map of a group, ``(*spatial)``, float64, with sum 1."""
        return self._sums[group] / self.counts[group]


def mean_map_test(
    maps: np.ndarray,
    member: np.ndarray,
    strata: np.ndarray | None = None,
    permutations: int = default_of(STATISTICS_KEYS, "permutations"),
    seed: int = 0,
) -> tuple[float, float]:
    r"""Test whether a group's mean map differs anywhere from that of all other samples.

    The statistic is the largest standardised difference over all cells, so its p-value holds for the whole map at once
    (Nichols & Holmes, "Nonparametric permutation tests for functional neuroimaging", 2002,
    https://doi.org/10.1002/hbm.1058):

    .. math:: T = \max_j \frac{|\sum_{i \in G} (m_{ij} - \bar m_{s(i)j})|}{\sigma_j}

    with the mean :math:`\bar m_s` of the sample's stratum and the deviation :math:`\sigma_j` of the numerator when
    membership is exchanged within strata.

    Parameters
    ----------
    maps
        ``(n, *spatial)``, each with sum 1, on a small grid (`saliency.audit.grid.pool`).
    member
        ``(n,)``, bool: who is in the group.
    strata
        ``(n,)``, or None for a single one. Membership is only exchanged within a stratum.
    permutations
        The smallest possible p-value is 1 / (permutations + 1).
    seed
        Of the permutations.

    Returns
    -------
    distance
        Total variation between the two mean maps, each the average of its strata's with the group's weights: 0 … 1,
        the share of energy that would have to move.
    p
        NaN if no stratum has samples of both kinds, or the maps are all alike.

    Examples
    --------
    >>> maps = np.repeat([[1.0, 0.0], [0.0, 1.0]], 10, axis=0)
    >>> mean_map_test(maps, np.arange(20) < 10, seed=1)
    (1.0, 0.001)
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    strata = np.zeros(len(flat), dtype=int) if strata is None else np.unique(strata, return_inverse=True)[1]
    blocks = [np.flatnonzero(strata == stratum) for stratum in range(strata.max(initial=-1) + 1)]
    blocks = [rows for rows in blocks if 0 < member[rows].sum() < len(rows)]
    if not blocks:
        return np.nan, np.nan
    difference = np.zeros(flat.shape[1])
    observed, variance = np.zeros((2, flat.shape[1]))
    permuted = np.zeros((permutations, flat.shape[1]))
    rng = np.random.default_rng(seed)
    count = sum(int(member[rows].sum()) for rows in blocks)
    for rows in blocks:
        inside, size = member[rows], len(rows)
        number = int(inside.sum())
        centred = flat[rows] - flat[rows].mean(axis=0)
        moved = centred[inside].sum(axis=0)
        observed += moved
        # The group's mean less the others', times the group's number: moved * n / (n - n_group).
        difference += moved * size / (size - number) / count
        variance += number * (size - number) / (size * (size - 1)) * (centred**2).sum(axis=0)
        step = max(1, BATCH // size)
        for begin in range(0, permutations, step):
            part = permuted[begin : begin + step]
            part += rng.permuted(np.tile(inside, (len(part), 1)), axis=1).astype(np.float64) @ centred
    varies = variance > 1e-12 * variance.max(initial=0)
    if not varies.any():
        return 0.0, np.nan
    deviation = np.sqrt(variance[varies])
    # Sums in another order differ in the last digits; equal statistics have to count as equal.
    statistic = (np.abs(observed[varies]) / deviation).max() * (1 - 1e-9)
    reached = (np.abs(permuted[:, varies]) / deviation).max(axis=1) >= statistic
    return float(np.abs(difference).sum() / 2), float((1 + reached.sum()) / (1 + permutations))
