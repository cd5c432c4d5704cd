"""Pictures of what checks did: one range for all, the slice where something changed, and the file that keeps them."""

import numpy as np
import pytest

from saliency.audit.pictures import (
    MOST,
    SIDE,
    Picture,
    Step,
    draw_steps,
    middle_slice,
    pictures_figure,
    read_pictures,
    strongest,
    write_pictures,
)
from saliency.figures.webp import read_webp


def steps(*values):
    return [Step(f"step {number}", number, "<s>", x) for number, x in enumerate(values)]


def test_values_beyond_white_are_clipped_and_do_not_darken_the_picture():
    """Given colours may lie outside 0 … 1: each picture by itself would be stretched."""
    x = np.full((3, 4, 4), 0.5)
    changed = x.copy()
    changed[:, 0, 0], changed[:, 3, 3] = 1.5, -1
    before, after = (read_webp(picture.webp) for picture in draw_steps(steps(x, changed), 0, 1))
    assert before[1, 1].tolist() == after[1, 1].tolist() == [128, 128, 128]
    assert (after[0, 0].tolist(), after[3, 3].tolist()) == ([255] * 3, [0] * 3)


def test_volumes_show_the_slice_through_what_changed():
    """Anterior is at the top, left is at the left; grey values are those of all pictures together."""
    generator = np.random.default_rng(0)
    x = generator.integers(100, 300, (1, 5, 7, 9)).astype(np.float32)
    changed = x.copy()
    changed[0, 1:3, 2:4, 6:9] = 300
    assert middle_slice(x, changed) == 7
    first, second = draw_steps(steps(x, changed), 0, 1)
    assert first.size == second.size == (7, 5)
    low, high = np.percentile(np.stack([x, changed]), [0.5, 99.5])
    for picture, volume in ((first, x), (second, changed)):
        expected = np.clip((volume[0, :, :, 7].T[::-1] - low) / (high - low), 0, 1) * 255
        np.testing.assert_allclose(read_webp(picture.webp)[..., 0], expected, atol=0.51)


@pytest.mark.parametrize("shape", [(3, 400, 200), (1, 200, 400, 3)])
def test_large_pictures_become_small(shape):
    (picture,) = draw_steps(steps(np.random.default_rng(0).random(shape)), 0, 0)
    assert picture.size == (SIDE, SIDE // 2)
    assert read_webp(picture.webp).shape == (SIDE, SIDE // 2, 3)
    assert len(picture.webp) < 40_000


def test_constant_pictures_and_volumes_are_drawn():
    for shape in ((1, 4, 4), (1, 4, 4, 4)):
        assert read_webp(draw_steps(steps(np.full(shape, 7.0)), 0, 0)[0].webp).max() == 0


def test_only_the_strongest_rows_have_pictures():
    effects = np.linspace(0, 1, 201)
    assert strongest(effects) == list(range(200, 200 - MOST, -1))
    assert strongest([0.2, 0.149, -0.5, 0.15]) == [0, 3]


def test_a_file_keeps_them_and_is_the_same_each_time(tmp_path):
    pictures = {12: draw_steps(steps(np.eye(3)[np.newaxis]), 0, 0), 3: [Picture("“<b>”", 1, "é", (1, 2), "")]}
    write_pictures(tmp_path / "a.json", pictures)
    assert read_pictures(tmp_path / "a.json") == pictures
    write_pictures(tmp_path / "b.json", dict(reversed(pictures.items())))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_figures_show_rows_of_different_lengths():
    drawn = draw_steps(steps(np.eye(3)[np.newaxis], np.eye(3)[np.newaxis]), 0, 1)
    figure = pictures_figure([("two $", drawn), ("one", drawn[:1])], "none")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["step 0:\nclass 0", "step 1:\nclass 1", "step 0:\nclass 0", ""]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array()[..., 0], np.eye(3) * 255)
    assert pictures_figure([], "none of them").get_suptitle() == "none of them"
