import numpy as np
import pytest
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score

from saliency.audit.clusters import ClusterSettings, cluster_maps


def planted(counts, seed=0, cells=64):
    """Maps with half of the energy in a cell of their cluster's own, and which cluster that is."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    maps = rng.dirichlet(np.ones(cells), len(truth)) / 2
    maps[np.arange(len(truth)), truth * 7] += 0.5
    return maps.reshape(len(truth), 8, -1), truth


def everything(maps):
    return np.ones(len(maps), dtype=bool)


@pytest.mark.parametrize("counts", [(40, 25), (60, 30, 25)])
def test_planted_clusters_are_found_as_scikit_learn_finds_them(counts):
    maps, truth = planted(counts)
    found = cluster_maps(maps, everything(maps))
    flat = maps.reshape(len(maps), -1)
    reference = SpectralClustering(len(counts), affinity="rbf", gamma=20, random_state=0).fit_predict(flat)
    assert found.count == len(counts)
    assert adjusted_rand_score(found.labels, truth) == adjusted_rand_score(found.labels, reference) == 1
    assert np.bincount(found.labels).tolist() == sorted(counts, reverse=True)
    # As many eigenvalues are zero as the graph has parts.
    assert np.allclose(found.eigenvalues[: len(counts)], 0, atol=1e-9)
    assert found.eigenvalues[len(counts)] > 0.1
    sizes = np.bincount(found.labels)
    assert np.average(found.isolation, weights=sizes) == pytest.approx(silhouette_score(flat, truth))


def test_exemplars_are_the_medoid_and_its_neighbours():
    maps, _ = planted((40, 25))
    found = cluster_maps(maps, everything(maps))
    flat = maps.reshape(len(maps), -1)
    for label, exemplars in enumerate(found.exemplars):
        members = np.flatnonzero(found.labels == label)
        distances = np.linalg.norm(flat[members][:, None] - flat[members], axis=2)
        medoid = distances.sum(axis=1).argmin()
        assert exemplars.tolist() == members[np.argsort(distances[medoid])[:3]].tolist()


def test_one_cluster_where_there_is_one():
    single = [cluster_maps(*two(planted((80,), seed)[0])).count for seed in range(10)]
    assert np.mean(np.array(single) == 1) >= 0.9


def two(maps):
    return maps, everything(maps)


def test_samples_beyond_the_cap_join_the_nearest_cluster():
    maps, truth = planted((300, 150))
    found = cluster_maps(maps, everything(maps), ClusterSettings(cap=100))
    assert found.count == 2
    assert adjusted_rand_score(found.labels, truth) == 1


def test_the_same_maps_and_seed_give_the_same_clusters():
    maps, _ = planted((50, 50, 50))
    first, second = (cluster_maps(maps, everything(maps), ClusterSettings(cap=90, seed=4)) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.eigenvalues, second.eigenvalues)


def test_maps_that_are_not_valid_are_in_no_cluster():
    maps, _ = planted((40, 25))
    valid = np.arange(len(maps)) % 5 != 0
    found = cluster_maps(np.where(valid[:, None, None], maps, 0), valid)
    assert (found.labels[~valid] == -1).all()
    assert (found.labels[valid] >= 0).all()
    assert found.count == 2


def test_too_few_maps_and_maps_that_are_all_the_same():
    few = cluster_maps(*two(planted((5,))[0]))
    assert few.count == 0
    assert few.note == "5 maps, fewer than 20"
    assert (few.labels == -1).all()
    same = cluster_maps(np.full((30, 2, 2), 0.25), np.ones(30, dtype=bool))
    assert (same.count, same.note) == (1, "all maps are the same")
    assert (same.labels == 0).all()


def test_many_copies_of_two_maps():
    maps = np.zeros((60, 2, 2))
    maps[:35, 0, 0] = maps[35:, 1, 1] = 1
    found = cluster_maps(maps, everything(maps))
    for label in range(found.count):
        assert len(np.unique(maps[found.labels == label], axis=0)) == 1


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4)])
def test_centres_are_where_clusters_have_more_energy_than_others(shape):
    maps, truth = planted((40, 25))
    found = cluster_maps(maps.reshape(-1, *shape), everything(maps))
    # Cluster i has half of its energy in cell 7 i, whose centre lies half a cell further.
    for label, cell in ((0, 0), (1, 7)):
        assert (truth[found.labels == label] == label).all()
        expected = [(index + 0.5) / size for index, size in zip(np.unravel_index(cell, shape), shape, strict=True)]
        assert found.centres[label].tolist() == expected
    assert np.isnan(cluster_maps(*two(planted((80,))[0])).centres).all()
