import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from saliency.methods.upsampling import upsample
from saliency.metrics.localisation import (
    dilate,
    energy_in_mask,
    iou,
    iou_random,
    mask_share,
    pointing_hit,
    pointing_hit_centre,
    pointing_random,
    rank_accuracy,
)


def overlap(maps, masks):
    return iou(rank_accuracy(maps, masks))


MEASURES = [energy_in_mask, rank_accuracy, overlap, pointing_hit]
SHAPES = [(6, 7), (4, 5, 3)]

# 0 1 2      mask: the right column
# 3 4 5
RAMP = np.arange(6.0).reshape(1, 2, 3)
COLUMN = np.array([[[False, False, True], [False, False, True]]])


def test_by_hand():
    assert mask_share(COLUMN) == pytest.approx([1 / 3])
    assert energy_in_mask(RAMP, COLUMN) == pytest.approx([(2 + 5) / 15])
    # The two highest values are 4 and 5; one of them is in the mask.
    assert rank_accuracy(RAMP, COLUMN) == pytest.approx([1 / 2])
    assert overlap(RAMP, COLUMN) == pytest.approx([1 / 3])
    assert iou_random(COLUMN) == pytest.approx([(1 / 3) / (2 - 1 / 3)])
    assert pointing_hit(RAMP, COLUMN) == pytest.approx([1])
    assert pointing_hit_centre(COLUMN) == pytest.approx([0])
    assert pointing_random(COLUMN) == pytest.approx([1 / 3])


def test_tolerance_by_hand():
    mask = np.zeros((1, 5, 5), dtype=bool)
    mask[0, 2, 2] = True
    corner = np.zeros((1, 5, 5))
    corner[0, 0, 1] = 1  # sqrt(5) = 2.24 away
    assert pointing_hit(corner, dilate(mask, 2.2)) == 0
    assert pointing_hit(corner, dilate(mask, 2.3)) == 1
    # A disc of radius 2 holds 13 pixels.
    assert pointing_random(dilate(mask, 2)) == pytest.approx([13 / 25])
    assert pointing_hit_centre(mask) == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tolerance", [0, 1, 1.5, 3])
def test_dilation_is_the_distance_to_the_nearest_pixel(shape, tolerance):
    masks = np.random.default_rng(0).random((3, *shape)) < 0.06
    masks[1] = False
    for mask, grown in zip(masks, dilate(masks, tolerance), strict=True):
        everywhere = np.argwhere(np.ones(shape, dtype=bool))
        inside = np.argwhere(mask)
        expected = (cdist(everywhere, inside) <= tolerance).any(axis=1) if len(inside) else np.zeros(mask.size, bool)
        np.testing.assert_array_equal(grown.ravel(), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_ties_count_with_their_probability(shape):
    """Against the mean over many random orders of tied values."""
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 3, (2, *shape)).astype(np.float32)
    masks = rng.random((2, *shape)) < 0.3
    for values, mask, found in zip(maps, masks, rank_accuracy(maps, masks), strict=True):
        flat, inside, size = values.ravel(), mask.ravel(), mask.sum()
        draws = [inside[np.lexsort((rng.random(flat.size), -flat))[:size]].mean() for _ in range(4000)]
        assert found == pytest.approx(np.mean(draws), abs=0.01)


def test_several_maxima_count_by_their_share():
    maps = np.array([[[3.0, 3.0, 0.0, 3.0]]])
    assert pointing_hit(maps, np.array([[[True, False, True, False]]])) == pytest.approx([1 / 3])


def test_the_plateau_of_an_upsampled_map_is_one_maximum():
    """The corner cell of a 7 x 7 map has its highest value in 16 x 16 pixels of 224 x 224."""
    cam = torch.zeros(1, 7, 7)
    cam[0, 0, 0] = 0.7
    large = upsample(cam, (224, 224))[:, 0].numpy()
    mask = np.zeros((1, 224, 224), dtype=bool)
    mask[0, :16, :4] = True
    assert pointing_hit(large, mask) == pytest.approx([1 / 4])


def test_the_middle_of_even_axes_is_shared():
    mask = np.zeros((1, 4, 5), dtype=bool)
    mask[0, 2, 2] = True
    assert pointing_hit_centre(mask) == pytest.approx([1 / 2])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("measure", MEASURES)
def test_empty_mask_and_failed_sample_are_nan(measure, shape):
    maps = np.random.default_rng(0).random((3, *shape))
    maps[2, 1, 1] = np.nan
    masks = np.ones((3, *shape), dtype=bool)
    masks[1] = False
    np.testing.assert_array_equal(np.isnan(measure(maps, masks)), [False, True, True])


@pytest.mark.parametrize("value", [0.0, 2.5])
def test_a_constant_map_is_no_hit(value):
    maps, masks = np.full((1, 3, 4), value), np.ones((1, 3, 4), dtype=bool)
    assert pointing_hit(maps, masks) == 0
    for measure in (energy_in_mask, rank_accuracy, overlap):
        assert np.isnan(measure(maps, masks)).all()


def test_baselines_without_a_mask_are_nan():
    empty = np.zeros((1, 4, 4), dtype=bool)
    for measure in (mask_share, iou_random, pointing_hit_centre, pointing_random):
        assert np.isnan(measure(empty)).all()


@pytest.mark.parametrize("shape", [(40, 50), (12, 14, 13)])
def test_random_maps_are_at_chance(shape):
    """White noise gives on average what the baselines promise."""
    rng = np.random.default_rng(0)
    maps = rng.random((400, *shape))
    masks = np.zeros(maps.shape, dtype=bool)
    masks[(slice(None), *(slice(3, 9) for _ in shape))] = True
    dilated = dilate(masks[:1], 2).repeat(400, axis=0)
    share, near = mask_share(masks)[0], pointing_random(dilated)[0]
    assert energy_in_mask(maps, masks).mean() == pytest.approx(share, rel=0.03)
    assert rank_accuracy(maps, masks).mean() == pytest.approx(share, rel=0.1)
    assert overlap(maps, masks).mean() == pytest.approx(iou_random(masks)[0], rel=0.1)
    assert pointing_hit(maps, dilated).mean() == pytest.approx(near, abs=4 * np.sqrt(near / 400))


@pytest.mark.parametrize("measure", MEASURES)
def test_scale_does_not_count_and_batches_are_single_samples(measure):
    rng = np.random.default_rng(0)
    maps, masks = rng.random((3, 6, 7)).astype(np.float32), rng.random((3, 6, 7)) < 0.3
    found = measure(maps, masks)
    np.testing.assert_allclose(measure(maps * 1e-20, masks), found, rtol=1e-6)
    np.testing.assert_array_equal(found, [measure(maps[[i]], masks[[i]])[0] for i in range(3)])


@pytest.mark.parametrize("measure", MEASURES)
def test_the_mask_as_map_is_perfect(measure):
    masks = np.zeros((1, 5, 5), dtype=bool)
    masks[0, 1:3, 1:4] = True
    assert measure(masks.astype(np.float32), masks) == pytest.approx([1])
