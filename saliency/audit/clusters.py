"""Strategies of a model: groups of samples whose maps are alike (Spectral Relevance Analysis).

Lapuschkin et al., "Unmasking Clever Hans predictors and assessing what machines really learn", 2019,
https://doi.org/10.1038/s41467-019-08987-4
"""

from dataclasses import dataclass

import numpy as np

from saliency.experiment.keys.audit_settings import CLUSTER_KEYS, STATISTICS_KEYS
from saliency.registry.key import default_of


@dataclass(frozen=True)
class ClusterSettings:
    """How maps are clustered.

    Attributes
    ----------
    neighbours
        Of each sample in the graph.
    max_clusters
        Largest number of clusters.
    min_count
        Fewer maps are not clustered.
    cap
        Number of maps, drawn at random, that the clusters are found with; further ones join the nearest cluster. Time
        grows with its cube, memory with its square: 1000 maps take about a second.
    exemplars
        Number of samples that stand for a cluster.
    seed
        Of the drawing and of k-means.
    """

    neighbours: int = default_of(CLUSTER_KEYS, "neighbours")
    max_clusters: int = default_of(CLUSTER_KEYS, "max_clusters")
    min_count: int = default_of(CLUSTER_KEYS, "min_count")
    cap: int = default_of(CLUSTER_KEYS, "cap")
    exemplars: int = default_of(CLUSTER_KEYS, "exemplars")
    seed: int = default_of(STATISTICS_KEYS, "seed")


@dataclass(frozen=True)
class Clusters:
    """Clusters of one class's maps, the largest first.

    Attributes
    ----------
    labels
        ``(n,)``: each sample's cluster, -1 for samples that are in none.
    eigenvalues
        The smallest ones of the normalised graph Laplacian, in ascending order.
    isolation
        ``(clusters,)``: mean silhouette of each cluster's samples, -1 … 1 (Rousseeuw, "Silhouettes", 1987,
        https://doi.org/10.1016/0377-0427(87)90125-7); NaN where there is one cluster.
    exemplars
        For each cluster the positions of its medoid, and of the samples nearest to that.
    centres
        ``(clusters, axes)``: for each cluster the cell whose share of energy exceeds that of the class's other maps
        most, as the relative position of its centre, 0 … 1 along each axis; NaN where there is one cluster.
    note
        Why there are no clusters, or "".
    """

    labels: np.ndarray
    eigenvalues: np.ndarray
    isolation: np.ndarray
    exemplars: list[np.ndarray]
    centres: np.ndarray
    note: str

    @property
    def count(self) -> int:
        """Number of clusters; 0 where maps were not clustered."""
        return len(self.exemplars)


def cluster_maps(
    shares: np.ndarray,
    valid: np.ndarray,
    settings: ClusterSettings = ClusterSettings(),
) -> Clusters:
    r"""Cluster the maps of one class.

    Each map is linked to its nearest ones; the eigenvalues of the graph's normalised Laplacian
    :math:`L = I - D^{-1/2} W D^{-1/2}` say how many clusters there are (the eigengap), its eigenvectors which:

    .. math:: k = \arg\max_{1 \le i \le k_{max}} (\lambda_{i+1} - \lambda_i)

    Parameters
    ----------
    shares, valid
        Maps ``(n, *grid)`` on a small grid, as `grid.energy_shares` gives them; those not valid are in no cluster.
    settings
        See `ClusterSettings`.

    Returns
    -------
    Clusters
        The same for the same maps and seed.

    Notes
    -----
    Von Luxburg, "A tutorial on spectral clustering", 2007, https://doi.org/10.1007/s11222-007-9033-z; the eigenvectors'
    rows are brought to length 1 (Ng, Jordan & Weiss, "On spectral clustering", 2001).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> maps = rng.dirichlet(np.ones(16), size=60) * 0.5
    >>> maps[:40, 0] += 0.5
    >>> maps[40:, 3] += 0.5
    >>> clusters = cluster_maps(maps, np.ones(60, dtype=bool))
    >>> clusters.count, np.bincount(clusters.labels).tolist()
    (2, [40, 20])
    """
    from scipy.linalg import eigh
    from scipy.sparse.csgraph import laplacian
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances, silhouette_samples
    from sklearn.neighbors import KNeighborsClassifier, kneighbors_graph

    flat = shares.reshape(len(shares), -1)
    labels = np.full(len(flat), -1)
    rows = np.flatnonzero(valid)
    none, nowhere = np.array([]), np.full((1, shares.ndim - 1), np.nan)
    if len(rows) < settings.min_count:
        note = f"{len(rows)} maps, fewer than {settings.min_count}"
        return Clusters(labels, none, none, [], nowhere[:0], note)
    rng = np.random.default_rng(settings.seed)
    used = rows if len(rows) <= settings.cap else np.sort(rng.choice(rows, settings.cap, replace=False))
    points = flat[used]
    distances = pairwise_distances(points)
    if distances.max() < 1e-6:
        labels[rows] = 0
        exemplars = [used[: settings.exemplars]]
        return Clusters(labels, none, np.array([np.nan]), exemplars, nowhere, "all maps are the same")
    neighbours = min(settings.neighbours, len(used) // 2)
    graph = kneighbors_graph(points, neighbours).toarray()
    most = min(settings.max_clusters, len(used) - 1)
    eigenvalues, vectors = eigh(laplacian((graph + graph.T) / 2, normed=True), subset_by_index=[0, most])
    count = int(np.argmax(np.diff(eigenvalues))) + 1
    found = np.zeros(len(used), dtype=int)
    if count > 1:
        embedding = vectors[:, :count]
        embedding = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
        found = KMeans(count, n_init=10, random_state=settings.seed).fit_predict(embedding)
        largest_first = np.argsort(-np.bincount(found, minlength=count), kind="stable")
        found = np.argsort(largest_first)[found]
    labels[used] = found
    rest = np.setdiff1d(rows, used)
    if len(rest):
        labels[rest] = KNeighborsClassifier(neighbours).fit(points, found).predict(flat[rest])
    names = np.unique(found)
    isolation, centres = np.full(len(names), np.nan), nowhere
    if len(names) > 1:
        silhouettes = silhouette_samples(distances, found, metric="precomputed")
        isolation = np.array([silhouettes[found == name].mean() for name in names])
        centres = np.stack([_most_excess(shares, labels == name) for name in names])
    exemplars = []
    for name in names:
        members = np.flatnonzero(found == name)
        medoid = members[distances[np.ix_(members, members)].sum(axis=1).argmin()]
        exemplars.append(used[members[distances[medoid, members].argsort(kind="stable")[: settings.exemplars]]])
    note = "" if len(names) > 1 else "the largest gap follows the first eigenvalue: one cluster"
    return Clusters(labels, eigenvalues, isolation, exemplars, centres, note)


def _most_excess(shares: np.ndarray, member: np.ndarray) -> np.ndarray:
    excess = shares[member].mean(axis=0) - shares[~member].mean(axis=0)
    cell = np.unravel_index(excess.argmax(), excess.shape)
    return (np.array(cell) + 0.5) / excess.shape
