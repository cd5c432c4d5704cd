import numpy as np
import pandas as pd
import pytest

from saliency.audit.clusters import Clusters
from saliency.audit.evidence import Evidence
from saliency.audit.findings.cluster import ClusterFinding
from tests.helpers.audit_data import THRESHOLDS, dataset, findings


def test_half_a_class_is_a_cluster_too():
    found = findings(*dataset(marked=0.5))
    assert {finding.kind for finding in found if finding.numbers.get("class") == 1} >= {"shortcut", "cluster"}


def of_two_clusters(isolation=(0.1, 0.1), correct=(True, True), sites=("a", "a")):
    """Class 2 has a cluster of 30 samples and one of 10; of class 5, the maps form none."""
    label = np.repeat([0, 1], [30, 10])
    samples = pd.DataFrame(
        {
            "id": [f"s{row}" for row in range(50)],
            "class": np.repeat([5, 2], [10, 40]),
            "correct": [True] * 10 + [correct[number] for number in label],
        }
    )
    centres = np.array([[0.1, 0.1], [0.9, 0.5]])
    found = Clusters(label, np.array([]), np.array(isolation), [np.arange(3), np.array([35, 30])], centres, "")
    one = Clusters(
        np.zeros(10, dtype=int), np.array([]), np.array([np.nan]), [np.arange(3)], np.full((1, 2), np.nan), ""
    )
    groups = {"site": pd.Series([None] * 10 + [sites[number] for number in label])}
    return Evidence(samples, groups, clusters={5: one, 2: found})


def test_clusters_that_nothing_sets_apart_are_no_findings():
    assert ClusterFinding.find(of_two_clusters(isolation=(0.4, 0.49)), THRESHOLDS) == []


def test_isolation():
    (found,) = ClusterFinding.find(of_two_clusters(isolation=(0.4, 0.6)), THRESHOLDS)
    assert found.sentence == (
        "Class 2: the maps of 25 % of 40 samples form a cluster (silhouette 0.60). They have more energy at the lower "
        "edge than the other maps of the class: the model may decide in another way in these samples. Accuracy is 100 "
        "% "
        "in the cluster and 100 % in the rest of the class."
    )
    assert found.score == pytest.approx(0.25 * 0.6)
    # Positions count within the class, which begins at the eleventh sample.
    assert found.samples == ["s45", "s40"]


def test_accuracy():
    first, second = ClusterFinding.find(of_two_clusters(correct=(True, False)), THRESHOLDS)
    assert (first.numbers["accuracy"], first.numbers["accuracy_others"]) == (1, 0)
    assert (second.numbers["accuracy"], second.numbers["accuracy_others"]) == (0, 1)


def test_metadata():
    first, second = ClusterFinding.find(of_two_clusters(sites=("a", "{b}")), THRESHOLDS)
    assert " site is a in 100 % of them and in 0 % of the others (corrected p " in first.sentence
    assert " site is {b} in 100 % of them and in 0 % of the others (corrected p " in second.sentence
