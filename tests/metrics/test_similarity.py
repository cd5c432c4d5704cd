import numpy as np
import pytest
import scipy.stats
from skimage.metrics import structural_similarity

from saliency.metrics.magnitude import magnitude
from saliency.metrics.similarity import agreement, on_grid, spearman, ssim

SHAPES = [(12, 15), (9, 8, 11)]


@pytest.mark.parametrize("shape", SHAPES)
def test_spearman_is_that_of_scipy(shape):
    rng = np.random.default_rng(0)
    first = rng.normal(size=(3, *shape)).astype(np.float32)
    second = first + rng.normal(size=first.shape)
    second[1] = rng.integers(0, 3, shape)
    expected = [scipy.stats.spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(first, second), expected, rtol=1e-9)


def test_spearman_of_a_constant_or_failed_map_is_nan():
    maps = np.arange(12.0).reshape(3, 2, 2)
    other = maps.copy()
    other[1] = 0
    other[2, 0, 0] = np.nan
    np.testing.assert_allclose(spearman(maps, other), [1, np.nan, np.nan])


@pytest.mark.parametrize("shape", SHAPES)
def test_ssim_is_that_of_scikit_image(shape):
    rng = np.random.default_rng(0)
    first = rng.random((2, *shape)).astype(np.float32)
    second = (first + 0.3 * rng.random(first.shape)).clip(0, 1)
    expected = [structural_similarity(a, b, data_range=1.0) for a, b in zip(first.astype(float), second, strict=True)]
    np.testing.assert_allclose(ssim(first, second), expected, rtol=1e-6)


def test_ssim_needs_a_window():
    with pytest.raises(ValueError, match="smaller than the window of 7"):
        ssim(np.zeros((1, 6, 9)), np.zeros((1, 6, 9)))


def test_the_grid_has_the_means_of_its_cells():
    maps = np.random.default_rng(0).random((2, 8, 12))
    np.testing.assert_allclose(on_grid(maps, (4, 3)), maps.reshape(2, 4, 2, 3, 4).mean(axis=(2, 4)))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2)])
def test_agreement_finds_the_same_places(shape):
    """Fine maps of either sign, with the magnitudes of the coarse one in each cell; then the reverse."""
    rng = np.random.default_rng(0)
    cam = rng.permutation(np.prod(shape)).reshape(1, *shape).astype(np.float32)
    large = cam[:, np.newaxis].repeat(3, axis=1)
    for axis in range(2, large.ndim):
        large = large.repeat(4, axis=axis)
    signs = rng.choice([-1, 1], large.shape)
    assert agreement(cam, magnitude(large * signs)) == pytest.approx([1])
    assert agreement(cam, magnitude((large.max() - large) * signs)) == pytest.approx([-1])


def test_magnitude_sums_absolute_values_of_channels():
    assert magnitude(np.array([[[[1.0, -1.0]], [[-2.0, 0.0]]]])).tolist() == [[[3, 1]]]
