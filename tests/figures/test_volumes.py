import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from saliency.figures.slices import peak, slice_plane, spread_slices, window
from saliency.figures.volumes import montage_figure, orthogonal_figure, scale_bar_length

SHAPE = (8, 9, 10)
TITLES = ["Guided Backprop", "Grad-CAM", "Guided Grad-CAM"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def sample(rng):
    """Image of two channels, and maps of it."""
    maps = {
        "guided_backprop": rng.standard_normal((2, *SHAPE)),
        "gradcam": rng.random((1, *SHAPE)),
        "guided_gradcam": rng.standard_normal((2, *SHAPE)),
    }
    return rng.standard_normal((2, *SHAPE)) * 100, maps


def render(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def panels(figure):
    """Axes of slices, without the colour bars."""
    return [axes for axes in figure.axes if axes.get_aspect() == 1]


def rows(figure):
    cells = panels(figure)
    return [cells[first : first + 3] for first in range(0, len(cells), 3)]


def letters(axes):
    """Text by position in the axes, from 0 to 1."""
    return {text.get_text(): text.get_position() for text in axes.texts if len(text.get_text()) == 1}


def array(axes, layer=-1):
    return np.asarray(axes.images[layer].get_array())


def pixel(axes, x, y):
    """Value drawn at a point given in data units."""
    image = axes.images[-1]
    left, right, bottom, top = image.get_extent()
    values = np.asarray(image.get_array())
    column = int((x - left) / (right - left) * values.shape[1])
    line = int((top - y) / (top - bottom) * values.shape[0])
    return values[line, column]


@pytest.mark.parametrize(
    ("voxel", "axis", "vertical", "horizontal"),
    [
        ((4, 8, 1), 0, "bottom", "right"),  # anterior and inferior
        ((4, 1, 9), 0, "top", "left"),  # posterior and superior
        ((7, 4, 9), 1, "top", "right"),  # right and superior
        ((0, 4, 0), 1, "bottom", "left"),  # left and inferior
        ((7, 8, 5), 2, "top", "right"),  # right and anterior
        ((0, 1, 5), 2, "bottom", "left"),  # left and posterior
        ((0, 8, 5), 2, "top", "left"),  # left and anterior
    ],
)
def test_slice_has_left_at_the_left_and_superior_or_anterior_at_the_top(voxel, axis, vertical, horizontal):
    volume = np.zeros((2, *SHAPE))
    volume[1][voxel] = 1
    picture = slice_plane(volume, axis, voxel[axis])
    assert not picture[0].any()
    ((row, column),) = np.argwhere(picture[1])
    height, width = picture.shape[1:]
    assert ("top" if row < height / 2 else "bottom") == vertical
    assert ("right" if column >= width / 2 else "left") == horizontal


@pytest.mark.parametrize(("axis", "shape"), [(0, (10, 9)), (1, (10, 8)), (2, (9, 8))])
def test_slice_is_the_one_asked_for_and_shows_every_voxel(axis, shape):
    i, j, k = np.indices(SHAPE)
    volume = np.stack([i, j, k])
    down, right = {0: (2, 1), 1: (2, 0), 2: (1, 0)}[axis]
    picture = slice_plane(volume, axis, 3)
    assert picture.shape == (3, *shape)
    assert (picture[axis] == 3).all()
    np.testing.assert_array_equal(picture[down], np.broadcast_to(np.arange(shape[0])[::-1, None], shape))
    np.testing.assert_array_equal(picture[right], np.broadcast_to(np.arange(shape[1]), shape))


@pytest.mark.parametrize(("shape", "axis"), [(SHAPE, 0), ((1, *SHAPE), 3), ((1, *SHAPE), -1)])
def test_no_slice_of_another_axis_or_shape(shape, axis):
    with pytest.raises(ValueError, match=f"no slice of axis {axis} of shape"):
        slice_plane(np.zeros(shape), axis, 0)


def bump(*points, channels=1):
    volume = np.zeros((channels, *SHAPE))
    for channel, voxel, value in points:
        volume[channel][voxel] = value
    return volume


@pytest.mark.parametrize(
    ("maps", "voxel"),
    [
        ({"guided_backprop": bump((0, (0, 0, 0), 9)), "gradcam": bump((0, (1, 2, 3), 1))}, (1, 2, 3)),
        # Of equal ones, the first.
        ({"gradcam": bump((0, (5, 0, 0), 2), (0, (2, 8, 9), 2), (0, (2, 7, 0), 2))}, (2, 7, 0)),
        # Without Grad-CAM: the magnitude of the channels' sum.
        ({"guided_gradcam": bump((0, (1, 1, 1), 2), (0, (3, 4, 5), -3))}, (3, 4, 5)),
        (
            {
                "guided_backprop": bump(
                    (0, (1, 1, 1), 9), (1, (1, 1, 1), -8), (0, (6, 6, 6), 2), (1, (6, 6, 6), 2), channels=2
                ),
                "guided_gradcam": bump((0, (0, 0, 1), 99)),
            },
            (6, 6, 6),
        ),
        ({"gradcam": np.full((1, *SHAPE), np.nan), "guided_gradcam": bump((0, (7, 8, 9), 1))}, (7, 8, 9)),
        # No peak: the centre.
        ({"gradcam": bump()}, (4, 4, 5)),
        ({"gradcam": bump(), "guided_backprop": bump((0, (1, 1, 1), 1))}, (4, 4, 5)),
        ({"gradcam": bump() + 3}, (4, 4, 5)),
        ({"gradcam": bump() * np.nan, "guided_backprop": bump() * np.nan}, (4, 4, 5)),
    ],
)
def test_peak(maps, voxel):
    assert peak(maps) == voxel


def test_no_peak_without_any_map():
    with pytest.raises(ValueError, match="no map"):
        peak({})


def test_volume_is_scaled_between_its_percentiles(rng):
    volume = rng.permutation(np.arange(1001.0)).reshape(7, 11, 13)
    np.testing.assert_allclose(window(volume), np.clip((volume - 5) / 990, 0, 1))
    np.testing.assert_array_equal(window(np.full((2, 2), -7.0)), np.zeros((2, 2)))
    # Almost all alike: the few others must not vanish.
    sparse = np.zeros(1000)
    sparse[3] = 4
    np.testing.assert_array_equal(window(sparse), sparse / 4)


def test_rows_show_input_and_maps_through_the_peak(sample):
    image, maps = sample
    maps["gradcam"][0, 6, 1, 8] = 2
    figure = orthogonal_figure(image, maps, (1, 1, 1), "patient 7", "predicted glioma")
    render(figure)
    assert [axes.get_title() for axes in rows(figure)[0]] == ["sagittal, x = 6", "coronal, y = 1", "axial, z = 8"]
    assert {"patient 7\npredicted glioma", "input", *TITLES} <= {text.get_text() for text in figure.texts}
    assert len(rows(figure)) == 4
    for axis, index in enumerate((6, 1, 8)):
        first, backprop, cam, guided = (row[axis] for row in rows(figure))
        grey = slice_plane(window(image[:1]), axis, index)[0]
        np.testing.assert_allclose(array(first), grey)
        np.testing.assert_allclose(array(cam, 0), grey)
        np.testing.assert_allclose(array(cam, 1), slice_plane(maps["gradcam"], axis, index)[0])
        np.testing.assert_allclose(array(backprop), slice_plane(maps["guided_backprop"], axis, index).sum(0))
        np.testing.assert_allclose(array(guided), slice_plane(maps["guided_gradcam"], axis, index).sum(0))
        assert cam.images[1].get_alpha() == 0.55
        assert [len(axes.images) for axes in (first, backprop, cam, guided)] == [1, 1, 2, 1]


def test_titles_of_rows_stand_beside_them(sample):
    figure = orthogonal_figure(*sample, (1, 1, 1), "", "")
    places = {text.get_text(): text.get_position() for text in figure.texts}
    for name, row in zip(["input", *TITLES], rows(figure), strict=True):
        box = row[0].get_position()
        assert box.y0 < places[name][1] < box.y1
        assert places[name][0] < box.x0


def test_colours_of_a_row_span_the_whole_volume(rng):
    image = rng.random((1, *SHAPE))
    # Slices through the peak are constant but for the peak itself; the extremes are elsewhere.
    cam = np.ones((1, *SHAPE))
    cam[0, 4, 4, 4], cam[0, 0, 0, 0] = 5, 0.25
    signed = np.zeros((1, *SHAPE))
    signed[0, 1, 1, 1], signed[0, :, :, 4] = -8, 0.5
    figure = orthogonal_figure(image, {"gradcam": cam, "guided_gradcam": signed}, (1, 1, 1), "", "")
    assert [[axes.images[-1].get_clim() for axes in row] for row in rows(figure)] == [
        [(0, 1)] * 3,
        [(0.25, 5)] * 3,
        [(-0.5, 0.5)] * 3,
    ]
    # A constant slice of a volume that is not: its value, not zero.
    assert (array(rows(figure)[2][2]) == 0.5).all()
    assert [axes.images[-1].get_cmap().name for axes in rows(figure)[1]] == ["inferno"] * 3
    assert [axes.images[-1].get_cmap().name for axes in rows(figure)[2]] == ["RdBu_r"] * 3


def test_letters_stand_at_their_sides(sample):
    figure = orthogonal_figure(*sample, (1, 1, 1), "", "")
    renderer = render(figure)
    expected = [
        {"left": "P", "right": "A", "top": "S", "bottom": "I"},
        {"left": "L", "right": "R", "top": "S", "bottom": "I"},
        {"left": "L", "right": "R", "top": "A", "bottom": "P"},
    ]
    for axes, sides in zip(rows(figure)[0], expected, strict=True):
        frame = axes.get_window_extent(renderer)
        boxes = {text.get_text(): text.get_window_extent(renderer) for text in axes.texts}
        boxes = {letter: box for letter, box in boxes.items() if len(letter) == 1}
        assert boxes.keys() == set(sides.values())
        found = {
            "left": min(boxes, key=lambda letter: boxes[letter].x0),
            "right": max(boxes, key=lambda letter: boxes[letter].x1),
            "top": max(boxes, key=lambda letter: boxes[letter].y1),
            "bottom": min(boxes, key=lambda letter: boxes[letter].y0),
        }
        assert found == sides
        tenth = 0.1 * min(frame.width, frame.height)
        assert boxes[sides["left"]].x0 - frame.x0 < tenth
        assert frame.x1 - boxes[sides["right"]].x1 < tenth
        assert frame.y1 - boxes[sides["top"]].y1 < tenth
        assert boxes[sides["bottom"]].y0 - frame.y0 < tenth
        for box in boxes.values():
            assert frame.contains(box.x0, box.y0)
            assert frame.contains(box.x1, box.y1)


@pytest.mark.parametrize(
    ("voxel", "seen"),
    [((7, 8, 9), ["AS", "RS", "RA"]), ((0, 0, 0), ["PI", "LI", "LP"]), ((0, 8, 0), ["AI", "LI", "LA"])],
)
def test_a_corner_is_drawn_between_its_two_letters(voxel, seen):
    """What binds picture, axes' direction and letters together: a voxel is nearest to the letters of its side."""
    image = np.zeros((1, *SHAPE))
    image[0][voxel] = 1
    figure = orthogonal_figure(image, {"gradcam": image}, (2, 1, 3), "", "")
    renderer = render(figure)
    for axes, expected in zip(rows(figure)[0], seen, strict=True):
        line, column = np.argwhere(array(axes) == 1)[0]
        left, right, bottom, top = axes.images[0].get_extent()
        height, width = array(axes).shape
        x = left + (column + 0.5) / width * (right - left)
        y = top - (line + 0.5) / height * (top - bottom)
        assert pixel(axes, x, y) == 1
        place = axes.transData.transform((x, y))
        distances = {}
        for text in axes.texts:
            if len(text.get_text()) == 1:
                box = text.get_window_extent(renderer)
                distances[text.get_text()] = np.abs(place - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        across = min(("LR" if "L" in distances else "PA"), key=lambda letter: distances[letter][0])
        upward = min(("SI" if "S" in distances else "AP"), key=lambda letter: distances[letter][1])
        assert across + upward == expected


def test_cross_hair_marks_the_peak_on_input_and_gradcam(sample):
    image, maps = sample
    maps["gradcam"][0, 6, 1, 8] = 2
    figure = orthogonal_figure(image, maps, (1.0, 2.0, 0.5), "", "")
    first, backprop, cam, guided = rows(figure)
    x, y, z = 6.5 * 1, 1.5 * 2, 8.5 * 0.5
    for row in (first, cam):
        assert [(axes.lines[0].get_xdata()[0], axes.lines[1].get_ydata()[0]) for axes in row] == [
            (y, z),
            (x, z),
            (x, y),
        ]
    assert [pixel(axes, *at) for axes, at in zip(cam, [(y, z), (x, z), (x, y)], strict=True)] == [2, 2, 2]
    assert not any(axes.lines for axes in [*backprop, *guided])
    assert any("voxel (6, 1, 8): largest value of Grad-CAM" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 4), (0.5, 0.5, 6)])
def test_aspect_follows_the_voxel_size_at_one_scale(sample, size):
    figure = orthogonal_figure(*sample, size, "", "")
    renderer = render(figure)
    x, y, z = (count * length for count, length in zip(SHAPE, size, strict=True))
    scales = []
    for row in rows(figure):
        for axes, (width, height) in zip(row, [(y, z), (x, z), (x, y)], strict=True):
            assert axes.images[0].get_extent() == [0, width, 0, height]
            (left, bottom), (right, top) = axes.transData.transform([(0, 0), (width, height)])
            scales += [(right - left) / width, (top - bottom) / height]
            frame = axes.get_window_extent(renderer)
            assert left > frame.x0 - 0.01
            assert right < frame.x1 + 0.01
            assert bottom > frame.y0 - 0.01
            assert top < frame.y1 + 0.01
    np.testing.assert_allclose(scales, scales[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size", "length"),
    # Widths of the sagittal panel: 200, 100, 90 and 24 mm.
    [
        ((30, 200, 30), (1, 1, 1), 50),
        ((9, 25, 9), (2, 4, 2), 20),
        ((9, 60, 9), (5, 1.5, 5), 20),
        ((9, 8, 9), (3,) * 3, 5),
    ],
)
def test_scale_bar_is_as_long_as_it_says(rng, shape, size, length):
    image = rng.random((1, *shape))
    figure = orthogonal_figure(image, {"gradcam": image}, size, "", "")
    axes = panels(figure)[0]
    (bar,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert [text.get_text() for text in axes.texts if "mm" in text.get_text()] == [f"{length} mm"]
    assert bar.get_width() == length
    # In data units, which are mm: so many columns of voxels.
    left, right, *_ = axes.images[0].get_extent()
    columns = bar.get_width() / (right - left) * array(axes).shape[1]
    assert columns == pytest.approx(length / size[1])
    assert axes.get_xlim()[0] < bar.get_x()
    assert bar.get_x() + bar.get_width() < axes.get_xlim()[1] / 2


@pytest.mark.parametrize(
    ("width", "length"),
    [(240, 50), (180, 50), (120, 20), (90, 20), (40, 10), (28, 5), (400, 100), (900, 200), (10, 2), (3, 1)],
)
def test_length_of_the_scale_bar_is_about_a_quarter(width, length):
    assert scale_bar_length(width) == pytest.approx(length)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (0.0, SHAPE),
        (3.0, SHAPE),
        (-2.0, SHAPE),
        (np.nan, SHAPE),
        (3.0, (1, 1, 1)),
        (3.0, (40, 40, 2)),
        (np.nan, (2, 3, 60)),
    ],
)
def test_constant_and_missing_values_are_drawn(value, shape):
    same = np.full((1, *shape), value)
    maps = {"guided_backprop": same, "gradcam": np.abs(same), "guided_gradcam": same}
    figure = orthogonal_figure(same, maps, (1, 1, 1), "", "")
    render(figure)
    centre = [size // 2 for size in shape]
    assert [axes.get_title()[-len(str(at)) :] for axes, at in zip(panels(figure), centre, strict=False)] == [
        str(at) for at in centre
    ]
    said = [[text.get_text() for text in axes.texts if "no " in text.get_text()] for axes in panels(figure)]
    if np.isnan(value):
        assert said == [["no input"]] * 3 + [["no map"]] * 9
        assert not any(axes.images for axes in panels(figure))
    else:
        assert said == [[]] * 12
        assert not any(array(axes).any() for axes in panels(figure))
    assert not any(axes.lines for axes in panels(figure))
    assert any("no map has a peak" in text.get_text().replace("\n", " ") for text in figure.texts)
    montage = montage_figure(same, maps, "", "", 3)
    render(montage)
    assert bool(panels(montage)[0].images) != np.isnan(value)


def test_one_missing_map_leaves_the_others(sample):
    image, maps = sample
    maps["guided_backprop"][0, 0, 0, 0] = np.nan
    figure = orthogonal_figure(image, maps, (1, 1, 1), "", "")
    assert [[len(axes.images) for axes in row] for row in rows(figure)] == [[1] * 3, [0] * 3, [2] * 3, [1] * 3]
    maps["gradcam"][:] = np.nan
    assert orthogonal_figure(image, {}, (1, 1, 1), "", "").axes[0].get_title() == "sagittal, x = 4"
    strongest = np.unravel_index(np.abs(maps["guided_gradcam"].sum(0)).argmax(), SHAPE)
    assert orthogonal_figure(image, maps, (1, 1, 1), "", "").axes[0].get_title() == f"sagittal, x = {strongest[0]}"


@pytest.mark.parametrize("heading", ["short", "words " * 40, "/a/path/without_spaces" * 9, "costs $5 or \\frac$"])
def test_nothing_written_leaves_the_figure_or_hits_a_panel(sample, heading):
    for figure in (
        orthogonal_figure(*sample, (0.1, 0.1, 9), heading, heading),
        orthogonal_figure(*sample, (9, 0.1, 0.1), heading, heading),
        montage_figure(*sample, heading, heading, 1),
    ):
        renderer = render(figure)
        texts = [*figure.texts, *(axes.title for axes in figure.axes), *(axes.xaxis.label for axes in figure.axes)]
        boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
        assert len(boxes) > 2
        frames = [axes.get_window_extent(renderer) for axes in panels(figure)]
        for number, box in enumerate(boxes):
            assert min(box.x0, box.y0) >= 0
            assert box.x1 <= figure.bbox.x1
            assert box.y1 <= figure.bbox.y1
            assert not any(box.overlaps(other) for other in [*boxes[:number], *frames])
        whole = figure.get_tightbbox(renderer)
        assert min(whole.x0, whole.y0) >= 0
        assert (np.array([whole.x1, whole.y1]) <= figure.get_size_inches()).all()


@pytest.mark.parametrize(
    ("depth", "count", "slices"),
    [
        (12, 12, list(range(12))),
        (5, 12, list(range(5))),
        (10, 1, [5]),
        (10, 2, [2, 7]),
        (155, 12, [6, 19, 32, 45, 58, 71, 83, 96, 109, 122, 135, 148]),
    ],
)
def test_slices_are_spread_evenly(depth, count, slices):
    assert spread_slices(depth, count) == slices


def test_montage_needs_a_slice():
    with pytest.raises(ValueError, match="count is 0"):
        spread_slices(10, 0)


@pytest.mark.parametrize(("count", "slices"), [(12, list(range(10))), (4, [1, 3, 6, 8])])
def test_montage_shows_the_slices_it_claims(sample, count, slices):
    image, maps = sample
    figure = montage_figure(image, maps, "patient 7", "predicted glioma", count, (1, 2, 2.5))
    cells = panels(figure)
    assert [axes.get_xlabel() for axes in cells] == [f"z = {index}, {index * 2.5:g} mm" for index in slices]
    for axes, index in zip(cells, slices, strict=True):
        np.testing.assert_allclose(array(axes, 0), slice_plane(window(image[:1]), 2, index)[0])
        np.testing.assert_array_equal(array(axes, 1), slice_plane(maps["gradcam"], 2, index)[0])
        assert axes.images[1].get_clim() == (maps["gradcam"].min(), maps["gradcam"].max())
        assert axes.images[1].get_extent() == [0, 8, 0, 18]
    # In reading order, inferior first.
    places = [(-round(box.y0, 6), box.x0) for box in (axes.get_position() for axes in cells)]
    assert places == sorted(places)
    assert "patient 7\npredicted glioma" in {text.get_text() for text in figure.texts}


def test_montage_has_left_and_right_on_its_first_slice(sample):
    first, *others = panels(montage_figure(*sample, "", ""))
    places = letters(first)
    assert places.keys() == {"L", "R"}
    assert places["L"][0] < 0.1
    assert places["R"][0] > 0.9
    assert not any(letters(axes) for axes in others)


@pytest.mark.parametrize(
    ("missing", "shown", "layers"),
    [
        ([], "Grad-CAM over the input", 2),
        (["gradcam"], "Guided Backprop", 1),
        (["gradcam", "guided_backprop"], "Guided Grad-CAM", 1),
        (["gradcam", "guided_backprop", "guided_gradcam"], "Input, for there is no map", 1),
    ],
)
@pytest.mark.parametrize("absent", [True, False])
def test_montage_shows_the_map_there_is(sample, missing, shown, layers, absent):
    image, maps = sample
    for method in missing:
        if absent:
            del maps[method]
        else:
            maps[method] = maps[method] * np.nan
    figure = montage_figure(image, maps, "", "", 3)
    assert any(text.get_text().startswith(f"{shown}.") for text in figure.texts)
    expected = {
        "Grad-CAM over the input": lambda: maps["gradcam"],
        "Guided Backprop": lambda: maps["guided_backprop"],
        "Guided Grad-CAM": lambda: maps["guided_gradcam"],
        "Input, for there is no map": lambda: window(image[:1]),
    }[shown]()
    for axes, index in zip(panels(figure), (1, 5, 8), strict=True):
        assert len(axes.images) == layers
        np.testing.assert_allclose(array(axes), slice_plane(expected, 2, index).sum(0))


@pytest.mark.parametrize(
    "draw", [montage_figure, lambda image, maps, *text: orthogonal_figure(image, maps, (1,) * 3, *text)]
)
@pytest.mark.parametrize(
    ("image", "cam", "message"),
    [
        (SHAPE, (1, *SHAPE), r"image has shape \[8, 9, 10\]"),
        ((1, *SHAPE), (1, 8, 10, 9), "gradcam of shape .* does not fit image"),
        ((1, *SHAPE), SHAPE, "gradcam of shape .* does not fit image"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(draw, image, cam, message):
    with pytest.raises(ValueError, match=message):
        draw(np.zeros(image), {"gradcam": np.zeros(cam)}, "", "")
