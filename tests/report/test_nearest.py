"""Which maps are most alike, and how a sample is cited."""

import base64
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from saliency.report import nearest
from saliency.report.citation import citation
from saliency.report.nearest import nearest_data, nearest_maps


def unpacked(found, samples):
    """Rows and percents, as the page reads them."""
    content = [
        np.frombuffer(base64.b64decode(found[name]), kind) for name, kind in (("rows", "<i4"), ("percent", "i1"))
    ]
    return [values[: 6 * samples].reshape(samples, 6) for values in content]


@pytest.mark.parametrize("grid", [(7, 7), (4, 3, 5)])
def test_the_nearest_are_those_of_the_correlation_matrix(grid):
    grids = np.random.default_rng(0).random((80, *grid)).astype(np.float32)
    rows, correlations = nearest_maps(grids, 5)
    matrix = np.corrcoef(grids.reshape(80, -1))
    np.fill_diagonal(matrix, -2)
    np.testing.assert_array_equal(rows, np.argsort(-matrix, axis=1)[:, :5])
    np.testing.assert_allclose(correlations, -np.sort(-matrix, axis=1)[:, :5], atol=1e-6)


def test_maps_without_a_correlation_are_nobodys_neighbours():
    grids = np.random.default_rng(1).random((6, 4, 4))
    grids[1], grids[2], grids[3] = np.nan, 0, 0.1
    rows, correlations = nearest_maps(grids)
    assert (rows[[1, 2, 3]] == -1).all()
    assert np.isnan(correlations[[1, 2, 3]]).all()
    assert [set(row) for row in rows[[0, 4, 5]].tolist()] == [{4, 5}, {0, 5}, {0, 4}]
    shown, percent = unpacked(nearest_data(grids), 6)
    assert (shown[[1, 2, 3]] == -1).all()
    # Two of six are found.
    np.testing.assert_array_equal(shown[:, :2], rows[:, :2])
    assert (shown[:, 2:] == -1).all()
    np.testing.assert_array_equal(percent[[0, 4, 5], :2], np.round(100 * correlations[[0, 4, 5]]))


def test_a_single_map_has_none():
    assert unpacked(nearest_data(np.random.default_rng(2).random((1, 4, 4))), 1)[0].tolist() == [[-1] * 6]


def test_too_many_samples_are_not_searched(monkeypatch):
    grids = np.random.default_rng(3).random((10, 2, 2))
    monkeypatch.setattr(nearest, "MOST_PRODUCTS", 10 * 10 * 4)
    assert nearest_data(grids) is not None
    assert nearest_data(np.concatenate([grids, grids[:1]])) is None


def test_a_citation_names_the_software_and_the_results(tmp_path):
    files = {name: tmp_path / name for name in ("a.csv", "b.csv", "findings.json")}
    for name, path in files.items():
        path.write_text(name * 3)
    found = citation([files["a.csv"], files["b.csv"]], [files["findings.json"]])
    project = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text())
    assert found["software"] == f"{project['title']} {project['version']}"
    said = subprocess.run("cat a.csv b.csv findings.json | sha256sum", shell=True, cwd=tmp_path, capture_output=True)
    assert found["digest"] == said.stdout.decode().split()[0]
