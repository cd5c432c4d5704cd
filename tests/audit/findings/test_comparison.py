import numpy as np
import pandas as pd
import pytest
from scipy import stats

from saliency.audit.evidence import Evidence
from saliency.audit.findings.comparison import accuracy_test, metadata_sentences, over_represented
from tests.helpers.audit_data import THRESHOLDS


def test_over_representation_is_fishers_test():
    rng = np.random.default_rng(0)
    members = rng.random(80) < 0.4
    site = pd.Series(np.where(rng.random(80) < 0.3 + 0.4 * members, "a", "b"))
    site[::9] = np.nan
    table = over_represented(members, {"site": site})
    for row in table.to_dict("records"):
        known = site.notna().to_numpy()
        group = (site == row["group"]).to_numpy()
        counts = [
            [(group & members).sum(), (known & ~group & members).sum()],
            [(group & ~members).sum(), (known & ~group & ~members).sum()],
        ]
        assert row["p"] == pytest.approx(stats.fisher_exact(counts, alternative="greater").pvalue)
        assert row["share"] == pytest.approx(counts[0][0] / sum(counts[0]))
        assert row["share_rest"] == pytest.approx(counts[1][0] / sum(counts[1]))


def test_accuracy_where_labels_are_missing():
    correct = pd.array([True, True, None, None, False, False, True, None], dtype="boolean")
    evidence = Evidence(pd.DataFrame({"correct": correct}))
    p = accuracy_test(evidence, np.arange(4), np.arange(8))
    assert p == pytest.approx(stats.fisher_exact([[2, 0], [1, 2]]).pvalue)
    assert np.isnan(accuracy_test(evidence, np.array([2, 3]), np.arange(8)))


def test_metadata_is_corrected_for_all_entries():
    rows, members = np.arange(20), np.arange(6)
    evidence = Evidence(pd.DataFrame({"id": rows}), {"site": pd.Series(["a"] * 6 + ["b"] * 14)})
    p = 1 / 38760  # one of the ways to choose 6 of 20
    (alone,) = metadata_sentences(evidence, [(rows, members)], THRESHOLDS)
    assert alone[0].endswith(f" (corrected p {2 * p:.1g}).")
    assert alone[1] == {"column0": "site", "group0": "a"}
    many = metadata_sentences(evidence, [(rows, members), (rows, np.array([0, 1, 10, 11]))], THRESHOLDS)
    assert many[0][0].endswith(f" (corrected p {4 * p:.1g}).")
    assert many[1] == ("", {})
    assert metadata_sentences(evidence, [], THRESHOLDS) == []
