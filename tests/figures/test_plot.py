import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from saliency import saliency_plot
from saliency.figures.display import display_image, display_map
from saliency.figures.plot import sample_panels


@pytest.fixture(autouse=True)
def _figures_without_windows():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def panels(figure):
    """Axes with images, without the colour bars."""
    return [axes for axes in figure.axes if axes.images]


def drawn(figure, layer=-1):
    return [np.asarray(axes.images[layer].get_array()) for axes in panels(figure)]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ([[[0.0, 0.25], [0.5, 1.0]]], [[0.0, 0.25], [0.5, 1.0]]),
        ([[[0.25, 0.5]]], [[0.25, 0.5]]),
        ([[[-1.0, 0.0, 3.0]]], [[0.0, 0.25, 1.0]]),
        ([[[0.0, 51.0, 255.0]]], [[0.0, 0.2, 1.0]]),
        ([[[7.0, 7.0]]], [[0.0, 0.0]]),
        ([[[-7.0, -7.0]]], [[0.0, 0.0]]),
        ([[[0.0, 0.2]], [[1.0, 0.4]]], [[0.5, 0.3]]),
        ([[[0.1]], [[0.2]], [[0.3]]], [[[0.1, 0.2, 0.3]]]),
        # Stretched as one: each channel by itself would change the colours.
        ([[[0.0, 1.0]], [[2.0, 3.0]], [[4.0, 5.0]]], [[[0.0, 0.4, 0.8], [0.2, 0.6, 1.0]]]),
    ],
)
def test_image_is_brought_to_the_range_from_0_to_1(image, expected):
    np.testing.assert_allclose(display_image(np.array(image)), expected, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
@pytest.mark.parametrize(("signed", "limits"), [(False, (0.0, 1.0)), (True, (-1.0, 1.0))])
def test_constant_map_is_drawn_as_zero(value, signed, limits):
    flat, *found = display_map(np.full((3, 2, 2), value), signed)
    np.testing.assert_array_equal(flat, np.zeros((2, 2)))
    assert tuple(found) == limits


def test_map_sums_its_channels_and_spans_its_values():
    flat, low, high = display_map(np.array([[[1.0, 2.0]], [[10.0, 30.0]]]), signed=False)
    assert (flat.tolist(), low, high) == ([[11.0, 32.0]], 11.0, 32.0)


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ([-3.0, 1.0, 2.0], 3.0),
        # 1000 values from 0.001 to 1 with alternating signs: 5 are larger in magnitude than 0.995.
        (np.arange(1, 1001) / 1000 * np.tile([1, -1], 500), 0.996),
        # Of a map with a single pixel, clipping would leave nothing.
        ([0.0] * 999 + [-4.0], 4.0),
    ],
)
def test_range_of_a_signed_map_is_symmetric_and_clips_outliers(values, limit):
    flat, low, high = display_map(np.array(values).reshape(1, 1, -1), signed=True)
    np.testing.assert_array_equal(flat, np.array(values).reshape(1, -1))
    assert low == -high
    assert high == pytest.approx(limit, abs=1e-9)


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_grey_and_rgb_images_are_drawn_as_they_are(as_array):
    grey = np.array([[[[0.0, 0.5], [0.25, 1.0]]], [[[0.1, 0.2], [0.3, 0.4]]]])
    figure = saliency_plot(as_array(grey))
    np.testing.assert_allclose(drawn(figure), grey[:, 0], rtol=1e-6)
    assert {axes.images[0].get_cmap().name for axes in panels(figure)} == {"gray"}
    assert {axes.images[0].get_clim() for axes in panels(figure)} == {(0.0, 1.0)}
    rgb = np.random.default_rng(0).random((1, 3, 4, 5))
    np.testing.assert_allclose(drawn(saliency_plot(as_array(rgb))), np.moveaxis(rgb, 1, -1), rtol=1e-6)


def test_map_is_drawn_over_its_image():
    x, cam = torch.rand(2, 3, 4, 4), torch.tensor([[1.0, 2.0], [5.0, 5.0]]).repeat_interleave(2, 1).repeat(1, 4)
    cam = cam.view(2, 1, 4, 4)
    figure = saliency_plot(x, cam, alpha=0.3)
    np.testing.assert_allclose(drawn(figure, 0), x.movedim(1, -1), rtol=1e-6)
    np.testing.assert_array_equal(drawn(figure, 1), [cam[0, 0], np.zeros((4, 4))])
    overlays = [axes.images[1] for axes in panels(figure)]
    assert [(image.get_clim(), image.get_alpha(), image.get_cmap().name) for image in overlays] == [
        ((1.0, 2.0), 0.3, "inferno"),
        ((0.0, 1.0), 0.3, "inferno"),
    ]


def test_signed_map_has_diverging_colours_around_0():
    x = torch.tensor([[[[-2.0, 1.0]], [[0.5, 0.0]]], [[[4.0, 1.0]], [[1.0, 0.0]]]])
    figure = saliency_plot(x)
    np.testing.assert_allclose(drawn(figure), [[[-1.5, 1.0]], [[5.0, 1.0]]])
    images = [axes.images[0] for axes in panels(figure)]
    assert [image.get_cmap().name for image in images] == ["RdBu_r"] * 2
    assert [image.get_clim() for image in images] == [(-1.5, 1.5), (-5.0, 5.0)]
    (overlay,) = (axes.images[1] for axes in panels(saliency_plot(x[:1].abs(), x[:1, :1])))
    assert (overlay.get_cmap().name, overlay.get_clim()) == ("RdBu_r", (-2.0, 2.0))


@pytest.mark.parametrize(
    ("nrow", "scale", "size", "cells"), [(None, 1.0, (15, 3), 5), (2, 1.0, (6, 9), 6), (5, 0.5, (7.5, 1.5), 5)]
)
def test_grid_and_size_of_the_figure(nrow, scale, size, cells):
    figure = saliency_plot(torch.rand(5, 1, 4, 4), nrow=nrow, scale=scale, show_cb=False)
    assert tuple(figure.get_size_inches()) == size
    assert len(figure.axes) == cells
    assert len(panels(figure)) == 5


@pytest.mark.parametrize(
    ("channels", "cam", "show_cb", "axes"),
    [(1, True, True, 4), (1, True, False, 2), (3, True, True, 4), (3, False, True, 2), (1, False, False, 2)],
)
def test_colour_bars_stand_beside_maps_unless_switched_off(channels, cam, show_cb, axes):
    x = torch.rand(2, channels, 4, 4)
    figure = saliency_plot(x, torch.rand(2, 1, 4, 4) if cam else None, show_cb=show_cb)
    assert len(figure.axes) == axes


def test_figure_is_saved_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saliency_plot(torch.rand(1, 1, 4, 4))
    assert list(tmp_path.iterdir()) == []
    saliency_plot(torch.rand(1, 1, 4, 4), save_fig=True)
    assert plt.imread("saliency.png").ndim == 3


@pytest.mark.parametrize(("sl", "drawn_slice"), [(0, 0), (3, 3), (5, 5), (None, 3)])
def test_volume_shows_one_slice_along_its_first_axis(sl, drawn_slice):
    x, cam = torch.rand(2, 1, 6, 3, 4), torch.rand(2, 1, 6, 3, 4)
    figure = saliency_plot(x, cam, sl=sl)
    np.testing.assert_array_equal(drawn(figure, 0), x[:, 0, drawn_slice])
    np.testing.assert_array_equal(drawn(figure, 1), cam[:, 0, drawn_slice])


def test_slices_of_a_signed_volume_are_drawn_alike():
    x = torch.rand(1, 1, 2, 3, 4)
    x[0, 0, 0, 0, 0] = -2
    for sl in (0, 1):
        (axes,) = panels(saliency_plot(x, sl=sl))
        assert axes.images[0].get_cmap().name == "RdBu_r"


def test_mode_tells_a_volume_from_a_batch():
    x = torch.rand(2, 5, 3, 4)
    assert len(panels(saliency_plot(x))) == 2
    (array,) = drawn(saliency_plot(x, mode="3D"))
    np.testing.assert_allclose(array, x[:, 2].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(drawn(saliency_plot(x[0, :1], mode="2D")), x[0, :1])


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 4), {}, r"x has shape \[3, 4\]"),
        ((1, 3, 4), {}, r"x has shape \[1, 3, 4\]"),
        ((1, 1, 2, 3, 4, 5), {}, "x has shape"),
        ((0, 1, 3, 4), {}, r"x has shape \[0, 1, 3, 4\]"),
        ((1, 1, 3, 4), {"mode": "4D"}, "mode is '4D'"),
        ((1, 1, 3, 4), {"cam": torch.rand(1, 1, 4, 3)}, "does not fit x"),
        ((2, 1, 3, 4), {"cam": torch.rand(1, 1, 3, 4)}, "does not fit x"),
        ((1, 1, 3, 4), {"cam": torch.rand(3, 4)}, "cam has shape"),
        ((1, 1, 3, 4), {"sl": 0}, "are for volumes"),
        ((1, 1, 3, 4), {"interactive": True}, "are for volumes"),
        ((1, 1, 6, 3, 4), {"sl": 6}, "sl is 6, but x has slices 0 … 5"),
        ((1, 1, 6, 3, 4), {"sl": -1}, "sl is -1"),
    ],
)
def test_shapes_and_options_that_do_not_fit_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        saliency_plot(torch.rand(shape), **options)
    assert plt.get_fignums() == []


def test_panels_of_a_sample_show_input_and_maps():
    image = np.random.default_rng(0).random((3, 4, 5))
    maps = {"guided_backprop": image - 0.5, "gradcam": image[:1], "guided_gradcam": np.full((3, 4, 5), np.nan)}
    cells = plt.figure().subplots(1, 4)
    sample_panels(cells, image, maps, titles=True)
    assert [axes.get_title() for axes in cells] == ["input", "Guided Backprop", "Grad-CAM", "Guided Grad-CAM"]
    assert [len(axes.images) for axes in cells] == [1, 1, 2, 0]
    np.testing.assert_array_equal(cells[0].images[0].get_array(), np.moveaxis(image, 0, -1))
    np.testing.assert_allclose(cells[1].images[0].get_array(), image.sum(0) - 1.5)
    np.testing.assert_allclose(cells[2].images[0].get_array(), image.mean(0))
    np.testing.assert_array_equal(cells[2].images[1].get_array(), image[0])
    assert [text.get_text() for text in cells[3].texts] == ["no map"]
