import numpy as np
import pytest
import scipy.stats
from scipy.ndimage import center_of_mass

from saliency.metrics.concentration import (
    border_energy,
    border_share,
    centroid,
    entropy,
    gini,
    shares,
    spread,
    zero_map,
)

MEASURES = [
    lambda maps: border_energy(shares(maps), 0.2),
    lambda maps: spread(shares(maps)),
    lambda maps: entropy(shares(maps)),
    gini,
    lambda maps: centroid(shares(maps))[:, 0],
]
SHAPES = [(10, 15), (5, 10, 20)]


def _maps(shape, count=3):
    return np.random.default_rng(0).random((count, *shape)).astype(np.float32) ** 4


@pytest.mark.parametrize("shape", SHAPES)
def test_centroid_is_that_of_scipy(shape):
    maps = _maps(shape)
    expected = [(np.array(center_of_mass(values.astype(float))) + 0.5) / shape for values in maps]
    np.testing.assert_allclose(centroid(shares(maps)), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_spread_is_the_root_mean_square_distance(shape):
    maps = _maps(shape, 1)
    positions = (np.argwhere(np.ones(shape)) + 0.5) / shape
    centre = np.average(positions, axis=0, weights=maps.ravel())
    expected = np.sqrt(np.average(((positions - centre) ** 2).sum(axis=1), weights=maps.ravel()))
    assert spread(shares(maps)) == pytest.approx([expected])


def test_spread_of_an_even_map():
    """The variance of the centres of n cells is (1 - 1 / n^2) / 12."""
    assert spread(shares(np.ones((1, 8, 8)))) == pytest.approx([np.sqrt(2 * (1 - 1 / 64) / 12)])
    assert spread(shares(np.ones((1, 8, 8, 8)))) == pytest.approx([np.sqrt(3 * (1 - 1 / 64) / 12)])


@pytest.mark.parametrize("shape", SHAPES)
def test_entropy_is_that_of_scipy(shape):
    maps = _maps(shape)
    flat = maps.reshape(len(maps), -1).astype(float)
    np.testing.assert_allclose(
        entropy(shares(maps)), scipy.stats.entropy(flat, axis=1) / np.log(flat.shape[1]), rtol=1e-6
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_gini_is_half_the_relative_mean_difference(shape):
    maps = _maps(shape, 1)
    flat = maps.ravel().astype(float)
    difference = np.abs(flat[:, np.newaxis] - flat).mean()
    assert gini(maps) == pytest.approx([difference / (2 * flat.mean())])


def test_one_point():
    point = np.zeros((1, 10, 10), dtype=np.float32)
    point[0, 9, 4] = 3
    assert centroid(shares(point))[0] == pytest.approx([0.95, 0.45])
    assert spread(shares(point)) == pytest.approx([0])
    assert entropy(shares(point)) == pytest.approx([0])
    assert gini(point) == pytest.approx([0.99])
    assert border_energy(shares(point), 0.1) == pytest.approx([1])


@pytest.mark.parametrize(("shape", "share"), [((10, 20), 1 - 0.8 * 0.8), ((10, 10, 20), 1 - 0.8**3), ((7, 7), 24 / 49)])
def test_an_even_map_has_the_borders_share(shape, share):
    """A tenth of 7 pixels is rounded to 1."""
    assert border_share(shape, 0.1) == pytest.approx(share)
    assert border_energy(shares(np.ones((1, *shape))), 0.1) == pytest.approx([share])
    assert entropy(shares(np.ones((1, *shape)))) == pytest.approx([1])
    assert gini(np.full((1, *shape), 0.3, dtype=np.float32)) == pytest.approx([0], abs=1e-9)


def test_border_energy_is_the_sum_of_the_frame():
    maps = _maps((10, 20), 1)
    frame = np.ones((10, 20), dtype=bool)
    frame[2:-2, 4:-4] = False
    assert border_energy(shares(maps), 0.2) == pytest.approx([maps[0][frame].sum() / maps.sum()])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("measure", MEASURES)
def test_zero_maps_and_failed_samples_are_nan(measure, shape):
    maps = _maps(shape)
    maps[1] = 0
    maps[2].flat[7] = np.nan
    np.testing.assert_array_equal(np.isnan(measure(maps)), [False, True, True])
    np.testing.assert_array_equal(zero_map(maps), [0, 1, np.nan])


@pytest.mark.parametrize("measure", MEASURES)
def test_scale_does_not_count(measure):
    maps = _maps((9, 9))
    np.testing.assert_allclose(measure(maps * 1e-20), measure(maps), rtol=1e-5)


def test_negative_values_are_refused():
    with pytest.raises(ValueError, match="pass their magnitude"):
        shares(np.array([[[1.0, -1.0]]]))
