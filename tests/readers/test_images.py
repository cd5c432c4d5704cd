import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from saliency.exceptions import InputError, Status
from saliency.readers.images import Preprocessing, read_image

AS_IT_IS = Preprocessing(channels=3, resize=None, crop=None, interpolation="bicubic")
GREY = Preprocessing(channels=1, resize=None, crop=None, interpolation="bicubic")
MODES = {name: transforms.InterpolationMode[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos")}


def noise(height, width, *channels, dtype=np.uint8):
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, *channels), endpoint=True)
    return values.astype(dtype)


def read(folder, image, preprocessing=AS_IT_IS, name="image.png", **options):
    image.save(folder / name, **options)
    return read_image(folder / name, preprocessing)


def expected(image, *steps):
    """What torchvision makes of an opened image."""
    return (transforms.PILToTensor()(transforms.Compose(steps)(image)).float() / 255).numpy()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("height", "width"),
    [(300, 400), (400, 300), (333, 501), (501, 333), (640, 257), (257, 999), (311, 311), (256, 256), (90, 97)],
)
def test_resize_and_crop_equal_torchvision(tmp_path, height, width, interpolation):
    image = Image.fromarray(noise(height, width, 3))
    found = read(tmp_path, image, Preprocessing(3, 256, 224, interpolation))
    resize = transforms.Resize(256, MODES[interpolation])
    assert found.dtype == np.float32
    assert found.shape == (3, 224, 224)
    assert torch.equal(torch.from_numpy(found), torch.from_numpy(expected(image, resize, transforms.CenterCrop(224))))


@pytest.mark.parametrize("interpolation", MODES)
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_to_height_and_width_equals_torchvision(tmp_path, interpolation, channels):
    image = Image.fromarray(noise(61, 83, 3) if channels == 3 else noise(61, 83))
    found = read(tmp_path, image, Preprocessing(channels, [70, 40], None, interpolation))
    assert found.shape == (channels, 70, 40)
    np.testing.assert_array_equal(found, expected(image, transforms.Resize([70, 40], MODES[interpolation])))


@pytest.mark.parametrize("size", [(80, 81), (81, 80), (79, 83)])
def test_crop_to_height_and_width_equals_torchvision(tmp_path, size):
    image = Image.fromarray(noise(*size, 3))
    found = read(tmp_path, image, Preprocessing(3, None, [20, 31], "bilinear"))
    np.testing.assert_array_equal(found, expected(image, transforms.CenterCrop([20, 31])))


def test_greyscale_file_fills_three_channels(tmp_path):
    values = noise(5, 7)
    found = read(tmp_path, Image.fromarray(values))
    np.testing.assert_array_equal(found, np.stack([values.astype(np.float32) / np.float32(255)] * 3))


def test_colours_become_luma_of_itu_r_601(tmp_path):
    colours = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]
    found = read(tmp_path, Image.fromarray(np.array(colours, dtype=np.uint8)), GREY)
    luma = np.array([[[76, 150, 29, 255]]], dtype=np.float32)  # 0.299, 0.587 and 0.114 of 255, rounded
    np.testing.assert_array_equal(found, luma / np.float32(255))


@pytest.mark.parametrize("preprocessing", [GREY, AS_IT_IS])
@pytest.mark.parametrize(("name", "byte_order"), [("image.png", "<"), ("image.tif", "<"), ("image.tif", ">")])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, preprocessing, name, byte_order):
    values = np.array([[0, 1, 255], [256, 32768, 65535]], dtype=f"{byte_order}u2")
    found = read(tmp_path, Image.fromarray(values), preprocessing, name)
    scaled = np.array([[0, 1, 255], [256, 32768, 65535]]) / 65535
    np.testing.assert_allclose(found, np.stack([scaled] * preprocessing.channels), rtol=1e-6)


def test_floating_point_values_are_taken_as_they_are(tmp_path):
    values = np.array([[-2.5, 0.25], [1.0, 300.0]], dtype=np.float32)
    np.testing.assert_array_equal(read(tmp_path, Image.fromarray(values), GREY, "image.tif"), values[np.newaxis])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    values = np.array([[0.5, value]], dtype=np.float32)
    with pytest.raises(InputError, match="NaN or infinite") as error:
        read(tmp_path, Image.fromarray(values), GREY, "image.tif")
    assert error.value.status is Status.NOT_FINITE


def palette_image():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 51, 102, 153])
    image.putdata([2, 0, 1])
    return image


@pytest.mark.parametrize(
    ("name", "image", "pixels"),
    [
        ("image.png", palette_image(), [[51, 102, 153], [255, 0, 0], [0, 255, 0]]),
        ("image.gif", palette_image(), [[51, 102, 153], [255, 0, 0], [0, 255, 0]]),
        # Ink is taken off white; black ink takes all.
        ("image.tif", Image.new("CMYK", (2, 1), (255, 0, 0, 0)), [[0, 255, 255]] * 2),
        ("image.tif", Image.new("CMYK", (2, 1), (0, 0, 0, 255)), [[0, 0, 0]] * 2),
        # A transparent pixel keeps its colour: no background is made up.
        ("image.png", Image.new("RGBA", (2, 1), (10, 20, 30, 0)), [[10, 20, 30]] * 2),
        ("image.png", Image.new("LA", (2, 1), (40, 128)), [[40, 40, 40]] * 2),
        ("image.png", Image.new("1", (2, 1), 1), [[255, 255, 255]] * 2),
    ],
    ids=["palette", "gif", "cyan", "black", "transparent", "grey_alpha", "bitmap"],
)
def test_colour_modes_become_rgb(tmp_path, name, image, pixels):
    found = read(tmp_path, image, name=name)
    rgb = np.array([pixels], dtype=np.float32) / np.float32(255)
    np.testing.assert_array_equal(found, np.moveaxis(rgb, -1, 0))


@pytest.mark.parametrize("name", ["image.png", "image.tif"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (5, [[1, 4], [2, 5], [3, 6]]),
        (6, [[4, 1], [5, 2], [6, 3]]),
        (7, [[6, 3], [5, 2], [4, 1]]),
        (8, [[3, 6], [2, 5], [1, 4]]),
    ],
)
def test_exif_orientation_is_turned_upright(tmp_path, name, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8))
    found = read(tmp_path, image, GREY, name, exif=exif)
    np.testing.assert_array_equal(found, np.array([upright], dtype=np.float32) / np.float32(255))


def test_animation_gives_its_first_frame(tmp_path):
    red, blue = (Image.new("RGB", (2, 2), colour) for colour in ("red", "blue"))
    found = read(tmp_path, red, name="image.gif", save_all=True, append_images=[blue], duration=50)
    np.testing.assert_array_equal(found, np.array([1, 0, 0], dtype=np.float32)[:, None, None] * np.ones((1, 2, 2)))


def jpeg():
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [("text.png", b"id,path\n"), ("half.jpg", jpeg()[: len(jpeg()) // 2]), ("cut.jpg", jpeg()[:3])],
)
def test_broken_files_are_unreadable(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be decoded") as error:
        read_image(tmp_path / name, AS_IT_IS)
    assert error.value.status is Status.UNREADABLE


def test_directory_is_unreadable_and_absent_file_is_missing(tmp_path):
    with pytest.raises(InputError) as error:
        read_image(tmp_path, AS_IT_IS)
    assert error.value.status is Status.UNREADABLE
    with pytest.raises(InputError, match="no such file") as error:
        read_image(tmp_path / "absent.png", AS_IT_IS)
    assert error.value.status is Status.MISSING


@pytest.mark.parametrize(("height", "width"), [(31, 40), (40, 31)])
def test_image_smaller_than_the_crop_has_the_wrong_shape(tmp_path, height, width):
    with pytest.raises(InputError, match=f"is {height} x {width} pixels .* crop of 32 x 32") as error:
        read(tmp_path, Image.fromarray(noise(height, width)), Preprocessing(1, None, 32, "bilinear"))
    assert error.value.status is Status.WRONG_SHAPE


def test_deep_images_do_not_overshoot_when_they_are_resized(tmp_path):
    checkers = np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((4, 4))).astype(np.uint16) * 65535
    Image.fromarray(checkers).save(tmp_path / "deep.png")
    array = read_image(tmp_path / "deep.png", Preprocessing(1, [50, 50], None, "bicubic"))
    assert array.min() == 0
    assert array.max() == 1


def test_palette_with_transparency_raises_no_warning(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "palette.png", transparency=bytes([0, 128]))
    array = read_image(tmp_path / "palette.png", Preprocessing(3, None, 8, "nearest"))
    assert (array == np.array([0, 1, 0]).reshape(3, 1, 1)).all()
