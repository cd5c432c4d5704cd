"""All of a picture in the network's square: picture, mask and boxes lie on each other."""

import numpy as np
import pytest
from PIL import Image

from saliency.readers.boxes import boxes_mask
from saliency.readers.images import Preprocessing, read_image

RNG = np.random.default_rng(0)


def letterboxed(channels=3, **keys):
    return Preprocessing(channels, 256, 64, "bilinear", fit="letterbox", **keys)


@pytest.mark.parametrize(
    ("height", "width", "inner"), [(50, 100, (32, 64)), (100, 50, (64, 32)), (64, 64, (64, 64)), (30, 91, (21, 64))]
)
@pytest.mark.parametrize(("pad_value", "padded"), [(0, 0), (0.5, 128 / 255), (1, 1)])
def test_the_whole_picture_is_in_the_middle(tmp_path, height, width, inner, pad_value, padded):
    image = Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))
    image.save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png", letterboxed(pad_value=pad_value))
    expected = np.full((3, 64, 64), padded, dtype=np.float32)
    resized = np.asarray(image.resize(inner[::-1], Image.Resampling.BILINEAR), dtype=np.float32)
    top, left = (64 - inner[0]) // 2, (64 - inner[1]) // 2
    expected[:, top : top + inner[0], left : left + inner[1]] = np.moveaxis(resized, -1, 0) / 255
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_floating_point_is_padded_with_the_value_itself(tmp_path):
    np.save(tmp_path / "a.npy", RNG.normal(size=(32, 64)).astype(np.float32))
    found = read_image(tmp_path / "a.npy", letterboxed(1, pad_value=-2.5))
    assert found.shape == (1, 64, 64)
    np.testing.assert_array_equal(found[0, 16:48], np.load(tmp_path / "a.npy"))
    assert (found[0, :16] == -2.5).all()
    assert (found[0, 48:] == -2.5).all()


def test_masks_and_boxes_go_where_the_picture_goes(tmp_path):
    mask = np.zeros((50, 100), dtype=np.uint8)
    mask[10:30, 20:70] = 1
    Image.fromarray(mask).save(tmp_path / "m.png")
    Image.fromarray(mask * 255).save(tmp_path / "a.png")
    read = letterboxed(1)
    found = read.read_mask({"path": tmp_path / "a.png", "mask": tmp_path / "m.png"})
    seen = read_image(tmp_path / "a.png", read)[0] > 0.5
    boxes = boxes_mask("20 10 70 30", (100, 50), read)
    for other in (seen, boxes):
        assert found.shape == other.shape == (64, 64)
        for axis in (0, 1):
            edges = [np.flatnonzero(one.any(axis=axis))[[0, -1]] for one in (found, other)]
            assert np.abs(edges[0] - edges[1]).max() <= 1


def test_what_is_padded_belongs_to_no_label(tmp_path):
    labels = np.zeros((32, 64), dtype=np.uint8)
    labels[:, 40:] = 1
    for name in ("a", "m"):
        Image.fromarray(labels).save(tmp_path / f"{name}.png")
    found = letterboxed(1, mask_values=[0]).read_mask({"path": tmp_path / "a.png", "mask": tmp_path / "m.png"})
    expected = np.zeros((64, 64), dtype=bool)
    expected[16:48, :40] = True
    np.testing.assert_array_equal(found, expected)
