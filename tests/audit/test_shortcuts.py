import numpy as np
import pytest

from saliency.audit.grid import energy_shares
from saliency.audit.shortcuts import ShortcutSettings, content_contrast, find_shortcuts


def dataset(seed=0, grid=(8, 8), count=240, marked=0.9, looked_at=True, shown_in=(1,), varies=False):
    """Three classes of noise. Maps point at random cells, those of class 1 at cell 0 where its pictures have a mark."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    fine = tuple(4 * cells for cells in grid)
    inputs = rng.random((count, 1, *fine)) * 0.5
    maps = rng.gamma(0.3, size=(count, *grid))
    centre = tuple(cells // 2 for cells in grid)
    maps[(slice(None), *centre)] += rng.gamma(2.0, size=count)
    bears = np.isin(classes, shown_in) & (rng.random(count) < marked)
    pattern = rng.random([4] * len(grid))
    corner = (slice(0, 4),) * len(grid)
    inputs[(bears, 0, *corner)] = rng.random((bears.sum(), *pattern.shape)) if varies else pattern
    if looked_at:
        maps[(bears & (classes == 1), *[0] * len(grid))] += maps.reshape(count, -1).sum(axis=1).mean()
    return *energy_shares(maps), classes, inputs


def found(*arguments, **settings):
    return [place for place in find_shortcuts(*arguments, ShortcutSettings(**settings)) if place.found]


@pytest.mark.parametrize(("grid", "name"), [((8, 8), "upper left corner"), ((5, 5, 5), "left back bottom corner")])
@pytest.mark.parametrize("marked", [0.4, 0.9, 1.0])
def test_a_mark_that_is_looked_at_is_found_with_class_and_place(grid, name, marked):
    shares, valid, classes, inputs = dataset(grid=grid, marked=marked)
    (place,) = found(shares, valid, classes, inputs)
    assert (place.class_index, place.name, place.begin) == (1, name, (0.0,) * len(grid))
    assert place.share == pytest.approx(marked, abs=0.15)
    assert place.area == pytest.approx(np.prod([2 / cells for cells in grid]))
    assert place.share_elsewhere < 0.3
    assert set(classes[place.members]) == {1}


@pytest.mark.parametrize(
    "change",
    [
        {"marked": 0.0},  # no mark
        {"looked_at": False},  # a mark that the model ignores
        {"shown_in": (0, 1, 2)},  # the same in all classes
        {"varies": True},  # a place whose content is not the same
    ],
)
def test_nothing_is_found_elsewhere(change):
    assert not any(found(*dataset(seed, **change)) for seed in range(20))


def test_samples_without_a_map_do_not_count():
    shares, valid, classes, inputs = dataset()
    failed = np.arange(len(classes)) % 7 == 0
    shares[failed], inputs[failed] = 0, np.nan
    (place,) = found(shares, valid & ~failed, classes, inputs)
    assert not failed[place.members].any()
    assert place.samples == ((classes == 1) & ~failed).sum()


def test_a_drawn_part_gives_the_same_place():
    arguments = dataset(count=900)
    whole, part, again = (found(*arguments, cap=cap)[0] for cap in (2000, 100, 100))
    assert part.begin == whole.begin
    assert part.contrast == again.contrast != whole.contrast
    assert np.array_equal(part.members, whole.members)


def test_few_samples_and_a_single_class_give_nothing():
    assert find_shortcuts(*dataset(count=20)) == []
    shares, valid, classes, inputs = dataset()
    assert find_shortcuts(shares, valid, np.zeros_like(classes), inputs) == []


def test_pictures_must_fit_the_grid():
    shares, valid, classes, inputs = dataset()
    with pytest.raises(ValueError, match="multiples of the grid"):
        find_shortcuts(shares, valid, classes, inputs[..., :30, :30])


def test_contrast_of_a_mean_shift_in_white_noise():
    rng = np.random.default_rng(0)
    shift = 8.0
    patches, others = rng.normal([shift, 0, 0], size=(4000, 3)), rng.normal(size=(4000, 3))
    # Quantiles of the normal distribution: -0.674 and 1.645.
    contrast, distance = content_contrast(patches, others)
    assert contrast == pytest.approx((shift - 0.674 - 1.645) / shift, abs=0.02)
    assert distance == pytest.approx(shift**2, rel=0.05)


def test_contrast_does_not_depend_on_brightness_and_gain():
    rng = np.random.default_rng(1)
    patches, others = rng.random((50, 6)) + np.arange(6), rng.random((80, 6))
    scaled, _ = content_contrast(100 * patches + 3, 100 * others + 3)
    assert scaled == pytest.approx(content_contrast(patches, others)[0], abs=1e-3)
