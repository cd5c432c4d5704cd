import numpy as np
import pytest
import torch
from skimage.transform import downscale_local_mean

from saliency.audit.grid import energy_shares, place_name, pool, window_sums


def test_pooling_by_a_whole_factor_is_the_local_mean():
    images = np.random.default_rng(0).random((3, 2, 12, 20))
    assert np.allclose(pool(images, (4, 5)), downscale_local_mean(images, (1, 1, 3, 4)))


def test_pooling_keeps_the_mean_of_sides_that_do_not_divide():
    volumes = np.random.default_rng(0).random((2, 7, 11, 5))
    pooled = pool(volumes, (3, 4, 8))
    assert pooled.shape == (2, 3, 4, 5)
    assert np.allclose(pooled.mean(axis=(1, 2, 3)), volumes.mean(axis=(1, 2, 3)))
    # 7 pixels in 3 cells: the first holds pixels 0, 1 and a third of 2.
    line = np.arange(7.0)
    assert np.allclose(pool(line, [3])[0], (0 + 1 + 2 / 3) / (7 / 3))


def test_pooling_passes_nan_on_to_its_sample_alone():
    maps = np.ones((2, 4, 4))
    maps[0, 0, 0] = np.nan
    assert np.isnan(pool(maps, (2, 2))[0, 0, 0])
    assert np.array_equal(pool(maps, (2, 2))[1], np.ones((2, 2)))


def test_energy_shares_leaves_out_zero_and_failed_maps():
    maps = np.array([[[1.0, 3.0]], [[0.0, 0.0]], [[np.nan, np.nan]]], dtype=np.float32)
    shares, valid = energy_shares(maps)
    assert valid.tolist() == [True, False, False]
    assert shares.tolist() == [[[0.25, 0.75]], [[0.0, 0.0]], [[0.0, 0.0]]]


@pytest.mark.parametrize("shape", [(2, 5, 6), (2, 4, 5, 3)])
def test_window_sums_are_a_convolution_with_ones(shape):
    maps = np.random.default_rng(0).random(shape)
    convolution = {2: torch.nn.functional.conv2d, 3: torch.nn.functional.conv3d}[len(shape) - 1]
    expected = convolution(torch.from_numpy(maps)[:, None], torch.ones(1, 1, *[2] * (len(shape) - 1)).double())
    assert np.allclose(window_sums(maps, 2), expected[:, 0].numpy())


@pytest.mark.parametrize(
    ("centre", "name"),
    [
        ((0.1, 0.1), "upper left corner"),
        ((0.1, 0.5), "upper edge"),
        ((0.5, 0.1), "left edge"),
        ((0.6, 0.4), "centre"),
        ((0.5, 0.5, 0.5), "centre"),
        ((0.1, 0.5, 0.5), "left side"),
        ((0.5, 0.9, 0.1), "front bottom edge"),
        ((0.9, 0.9, 0.9), "right front top corner"),
    ],
)
def test_place_names(centre, name):
    assert place_name(centre) == name
