"""Facts of photographs against what Pillow wrote, and against NumPy."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from saliency.audit.facts.opened import Picture
from saliency.audit.facts.perceptual_hash import perceptual_hash
from saliency.audit.leakage.fact_table import read_facts
from saliency.exceptions import InputError


def picture(seed: int = 0, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A smooth picture, unlike those of other seeds."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def test_what_pillow_wrote_is_read(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    picture().save(tmp_path / "a.jpg", quality=80, exif=exif)
    picture().convert("L").save(tmp_path / "b.png")
    colour, grey = (read_facts(tmp_path / name, "2D") for name in ("a.jpg", "b.png"))
    assert colour["bytes"] == (tmp_path / "a.jpg").stat().st_size
    assert [colour[name] for name in ("width", "height", "aspect")] == [96, 64, 1.5]
    assert [colour[name] for name in ("format", "mode", "bit_depth", "exif")] == ["JPEG", "RGB", 8, 1.0]
    assert (grey["format"], grey["mode"], grey["exif"]) == ("PNG", "L", 0.0)
    assert "jpeg_quality" not in grey


def test_bit_depth_is_that_of_the_file(tmp_path):
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(tmp_path / "a.png")
    Image.new("1", (8, 8)).save(tmp_path / "b.png")
    deep, black = (read_facts(tmp_path / name, "2D") for name in ("a.png", "b.png"))
    assert (deep["bit_depth"], black["bit_depth"]) == (16, 1)
    assert deep["luminance_mean"] == pytest.approx(31.5 * 1000 / 65535)
    assert black["hash"] is None


@pytest.mark.parametrize("quality", [10, 50, 95])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_quality_is_that_of_saving(tmp_path, quality, mode):
    picture().convert(mode).save(tmp_path / "a.jpg", quality=quality)
    assert abs(read_facts(tmp_path / "a.jpg", "2D")["jpeg_quality"] - quality) <= 2


def test_colours_and_sharpness_are_those_of_the_pixels(tmp_path):
    picture().save(tmp_path / "a.png")
    pixels = np.asarray(picture(), dtype=float)
    found = read_facts(tmp_path / "a.png", "2D")
    for channel, name in enumerate(("red", "green", "blue")):
        assert found[f"{name}_mean"] == pytest.approx(pixels[..., channel].mean() / 255)
        assert found[f"{name}_spread"] == pytest.approx(pixels[..., channel].std() / 255)
    luminance = pixels @ [0.299, 0.587, 0.114]
    assert found["luminance_mean"] == pytest.approx(luminance.mean() / 255, abs=2e-3)
    # Pillow rounds the luminance, which the Laplacian sees as noise.
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    assert found["sharpness"] == pytest.approx(ndimage.convolve(luminance, kernel).var(), rel=0.1)


def test_blurred_pictures_are_less_sharp(tmp_path):
    sharp = picture(size=(48, 32))
    sharp.save(tmp_path / "sharp.png")
    Image.fromarray(ndimage.gaussian_filter(np.asarray(sharp), (2, 2, 0))).save(tmp_path / "blurred.png")
    sharpness = [read_facts(tmp_path / f"{name}.png", "2D")["sharpness"] for name in ("sharp", "blurred")]
    assert sharpness[0] > 2 * sharpness[1]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_borders_have_the_width_with_which_they_were_drawn(tmp_path, suffix):
    framed = np.zeros((64 + 16 + 32, 96 + 8, 3), dtype=np.uint8)
    framed[16:-32, 8:] = np.asarray(picture())
    # Halved colours would bleed one pixel into the border.
    Image.fromarray(framed).save(tmp_path / f"a.{suffix}", subsampling=0)
    found = read_facts(tmp_path / f"a.{suffix}", "2D")
    assert [found[f"border_{side}"] for side in ("top", "bottom", "left", "right")] == [16, 32, 8, 0]


def different_bits(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_hashes_stay_when_a_picture_is_saved_again_and_differ_between_pictures():
    def hashed(image):
        return perceptual_hash(Picture(None, image, None).luminance)

    hashes = []
    for seed in range(8):
        content = io.BytesIO()
        picture(seed).save(content, "JPEG", quality=50)
        hashes.append(hashed(picture(seed)))
        assert different_bits(hashes[-1], hashed(Image.open(content))) <= 2
        assert different_bits(hashes[-1], hashed(picture(seed).resize((48, 32)))) <= 4
    assert min(different_bits(a, b) for a in hashes for b in hashes if a != b) > 10
    assert len(set(hashes)) == 8


def test_digits_and_icons_have_no_hash():
    small = np.random.default_rng(0).random((31, 90))
    assert perceptual_hash(small) is None
    assert perceptual_hash(np.vstack([small, small])) is not None


def test_turned_photographs_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "a.jpg", exif=exif)
    found = read_facts(tmp_path / "a.jpg", "2D")
    assert (found["width"], found["height"]) == (64, 96)


def test_a_file_that_ends_too_early_is_refused(tmp_path):
    picture().save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be decoded"):
        read_facts(tmp_path / "a.jpg", "2D")
