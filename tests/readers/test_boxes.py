import numpy as np
import pytest
from PIL import Image

from saliency.exceptions import InputError
from saliency.readers.boxes import boxes_mask, parse_boxes
from saliency.readers.images import Preprocessing, read_image

PREPROCESSINGS = [
    Preprocessing(1, 256, 224, "bicubic"),
    Preprocessing(1, [100, 150], None, "bilinear"),
    Preprocessing(1, [130, 170], [97, 150], "lanczos"),
    Preprocessing(1, None, [64, 64], "nearest"),
]


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
@pytest.mark.parametrize(("width", "height"), [(640, 427), (301, 777), (90, 100)])
def test_equal_to_a_drawn_rectangle_within_a_pixel(tmp_path, preprocessing, width, height):
    rng = np.random.default_rng(width)
    for number in range(8):
        x0, y0 = rng.integers(0, width - 20), rng.integers(0, height - 20)
        x1, y1 = rng.integers(x0 + 12, width + 1), rng.integers(y0 + 12, height + 1)
        drawn = np.zeros((height, width), dtype=np.uint8)
        drawn[y0:y1, x0:x1] = 255
        path = tmp_path / f"{number}.png"
        Image.fromarray(drawn).save(path)
        seen = read_image(path, preprocessing)[0] > 0.5
        mask = boxes_mask(f"{x0} {y0} {x1} {y1}", (width, height), preprocessing)
        assert mask.shape == seen.shape
        for axis in (0, 1):
            for edges in zip(_edges(mask, axis), _edges(seen, axis), strict=True):
                assert abs(edges[0] - edges[1]) <= 1


def _edges(mask, axis):
    inside = np.flatnonzero(mask.any(axis=axis))
    return (inside[0], inside[-1]) if inside.size else ()


def test_exif_orientation_counts(tmp_path):
    """The box is given in the upright image, whose sides are swapped in the file."""
    upright = np.zeros((80, 120), dtype=np.uint8)
    upright[10:30, 60:110] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    preprocessing = Preprocessing(1, 80, 80, "nearest")
    seen = read_image(tmp_path / "turned.png", preprocessing)[0] > 0.5
    np.testing.assert_array_equal(boxes_mask("60 10 110 30", (120, 80), preprocessing), seen)


def test_without_scaling_the_box_is_the_slice():
    mask = boxes_mask("1 2 3 5; 6 0 7 1", (8, 6), Preprocessing(1, None, [6, 8], "nearest"))
    expected = np.zeros((6, 8), dtype=bool)
    expected[2:5, 1:3] = True
    expected[0, 6] = True
    np.testing.assert_array_equal(mask, expected)


def test_halves_belong_to_the_pixel_whose_centre_is_inside():
    same = Preprocessing(1, None, [1, 4], "nearest")
    assert boxes_mask("0.4 0 1.5 1", (4, 1), same).tolist() == [[True, False, False, False]]
    assert boxes_mask("0.6 0 1.6 1", (4, 1), same).tolist() == [[False, True, False, False]]


def test_a_thin_box_keeps_a_pixel():
    mask = boxes_mask("500 500 502 502", (1000, 1000), Preprocessing(1, 100, 100, "bilinear"))
    assert np.argwhere(mask).tolist() == [[50, 50]]


def test_no_box_and_cropped_box_are_empty():
    preprocessing = Preprocessing(1, 10, 10, "bilinear")
    for text in ("", " ", "0 0 5 10", "0 0 5 10; 26 0 30 5"):
        assert not boxes_mask(text, (30, 10), preprocessing).any()


def test_edges_beyond_the_image_are_clipped():
    assert boxes_mask("-5 -5 100 100", (10, 10), Preprocessing(1, 4, 4, "bilinear")).all()


@pytest.mark.parametrize("text", ["1 2 3", "1 2 3 4 5", "a b c d", "5 0 5 9", "0 9 5 3", "0 0 nan 5", "0 0 inf 5"])
def test_no_box(text):
    with pytest.raises(InputError, match="is no box"):
        parse_boxes(f"0 0 1 1; {text}")


def test_outside_the_image():
    with pytest.raises(InputError, match="outside the image of 10 x 20"):
        boxes_mask("12 0 15 5", (10, 20), Preprocessing(1, 8, 8, "bilinear"))
