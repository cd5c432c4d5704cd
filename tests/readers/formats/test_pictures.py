"""Pictures in other formats than Pillow's: what the network sees, compared with the values that were written."""

import builtins
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from saliency.exceptions import InputError, Status
from saliency.readers.images import Preprocessing, read_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (12, 17), dtype=np.uint8)


def as_stored(channels, **keys):
    return Preprocessing(channels, None, None, "bilinear", **keys)


def png(folder, values):
    Image.fromarray(values).save(folder / "same.png")
    return folder / "same.png"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("values", [RGB, GREY, GREY.astype(np.uint16) * 257], ids=["rgb", "grey", "16 bits"])
def test_arrays_and_tiffs_read_as_png_do(tmp_path, values, channels):
    """Resized and cropped as well: bit by bit."""
    read = Preprocessing(channels, 9, [8, 8], "bicubic")
    expected = read_image(png(tmp_path, values), read)
    np.save(tmp_path / "a.npy", values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy", read), expected)
    if values.ndim == 3:
        np.save(tmp_path / "first.npy", np.moveaxis(values, -1, 0))
        np.testing.assert_array_equal(read_image(tmp_path / "first.npy", read), expected)
    tifffile.imwrite(tmp_path / "a.tif", values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", read), expected)


@pytest.mark.parametrize("bands", [2, 4, 5, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_no_band_of_a_tiff_is_dropped(tmp_path, bands, dtype):
    values = (RNG.uniform(0, 1, (12, 17, bands)) * (1 if dtype is np.float32 else np.iinfo(dtype).max)).astype(dtype)
    scale = 1 if dtype is np.float32 else np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "last.tif", values, photometric="minisblack", planarconfig="contig")
    tifffile.imwrite(tmp_path / "first.tif", np.moveaxis(values, -1, 0), photometric="minisblack", imagej=False,
                     planarconfig="separate")  # fmt: skip
    for name in ("last.tif", "first.tif"):
        found = read_image(tmp_path / name, as_stored(bands))
        np.testing.assert_allclose(found, np.moveaxis(values, -1, 0) / scale, rtol=1e-6)
        with pytest.raises(InputError, match=f"has {bands} channels instead of 3: set input.channels") as caught:
            read_image(tmp_path / name, as_stored(3))
        assert caught.value.status == Status.WRONG_SHAPE


def test_colours_of_floating_point_and_a_fourth_band_beside_rgb(tmp_path):
    values = RNG.uniform(-1, 2, (12, 17, 3)).astype(np.float32)
    tifffile.imwrite(tmp_path / "f.tif", values, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "f.tif", as_stored(3)), np.moveaxis(values, -1, 0))
    infrared = np.dstack([RGB, GREY])
    tifffile.imwrite(tmp_path / "n.tif", infrared, photometric="rgb", extrasamples=["unspecified"])
    with pytest.raises(InputError, match="has 4 channels"):
        read_image(tmp_path / "n.tif", as_stored(3))
    found = read_image(tmp_path / "n.tif", as_stored(4))
    np.testing.assert_allclose(found, np.moveaxis(infrared, -1, 0) / 255, rtol=1e-6)
    # Opacity is no band: as in PNG, the colours count.
    tifffile.imwrite(tmp_path / "o.tif", infrared, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(
        read_image(tmp_path / "o.tif", as_stored(3)), read_image(png(tmp_path, RGB), as_stored(3))
    )


def test_pages_are_bands_where_the_file_says_so(tmp_path):
    values = RNG.integers(0, 256, (5, 12, 17), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "c.tif", values, imagej=True, metadata={"axes": "CYX"})
    np.testing.assert_allclose(read_image(tmp_path / "c.tif", as_stored(5)), values / 255, rtol=1e-6)
    with pytest.raises(InputError, match="has 5 channels instead of 1"):
        read_image(tmp_path / "c.tif", as_stored(1))
    tifffile.imwrite(tmp_path / "z.ome.tif", np.stack([values] * 2), metadata={"axes": "ZCYX"})
    with pytest.raises(InputError, match=r"has axes ZCYX of shape \(2, 5, 12, 17\), .*: save one of its planes"):
        read_image(tmp_path / "z.ome.tif", as_stored(5))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 9, 3), np.uint8), r"\(3, 9, 3\), which does not tell which axis holds the channels"),
        (np.zeros((2, 5, 6, 7), np.uint8), r"\(2, 5, 6, 7\), which is no image: save it as \(h, w\)"),
        (np.zeros((5, 7, 4), np.uint8), "has 4 channels instead of 3"),
        (np.array([[None]]), "cannot be decoded .*allow_pickle=False"),
        (np.zeros((5, 7), complex), "holds complex128 values"),
    ],
)
def test_arrays_that_are_refused(tmp_path, values, words):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=words):
        read_image(tmp_path / "a.npy", as_stored(3))


@pytest.mark.parametrize("interpolation", ["nearest", "bicubic"])
def test_value_range_and_window_of_twelve_bits(tmp_path, caplog, interpolation):
    values = RNG.integers(0, 4096, (12, 17)).astype(np.uint16)
    values[0, :2] = 0, 4095
    path = png(tmp_path, values)
    found = read_image(path, as_stored(3, value_range=[0, 4095]))
    np.testing.assert_allclose(found, np.stack([values / 4095] * 3), rtol=1e-6)
    assert caplog.text == ""
    np.testing.assert_allclose(read_image(path, as_stored(1))[0], values / 65535, rtol=1e-6)
    assert "holds values up to 4095 of 65535, which makes it all but black" in caplog.text
    assert "set input.value_range: [0, 4095]" in caplog.text
    windowed = read_image(path, as_stored(1, window=[1000, 2000]))[0]
    np.testing.assert_allclose(windowed, (values.clip(1000, 2000) - 1000.0) / 1000, atol=1e-6)
    with pytest.raises(
        InputError, match=r"values from 0 to 4095, outside the value_range of 0 to 1000: .*, or set win"
    ):
        read_image(path, as_stored(1, value_range=[0, 1000]))
    resized = read_image(path, Preprocessing(1, [6, 9], None, interpolation, value_range=[0, 4095]))[0]
    mode = Image.Resampling[interpolation.upper()]
    expected = np.asarray(Image.fromarray((values / 4095).astype(np.float32)).resize((9, 6), mode))
    np.testing.assert_allclose(resized, expected, atol=1e-6)


@pytest.mark.parametrize("largest", [40_000, 8192])
def test_sixteen_bits_that_are_used_are_not_warned_of(tmp_path, caplog, largest):
    read_image(png(tmp_path, np.array([[0, largest]], np.uint16)), as_stored(1))
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_junk_in_the_place_of_exif_is_warned_of_and_pixels_are_as_stored(tmp_path, caplog, name):
    options = {"quality": 95, "dpi": (72, 72)} if name == "a.jpg" else {"lossless": True} if name == "a.webp" else {}
    Image.fromarray(RGB).save(tmp_path / name, exif=b"Exif\0\0rubbish and more", **options)
    Image.fromarray(RGB).save(tmp_path / f"plain_{name}", **options)
    found = read_image(tmp_path / name, as_stored(3))
    np.testing.assert_array_equal(found, read_image(tmp_path / f"plain_{name}", as_stored(3)))
    assert caplog.text.count("its EXIF data is unreadable") == 1
    assert f"{name}: its EXIF data" in caplog.text


def test_heic_is_upright(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    ramp = np.add.outer(np.arange(64) * 2, np.arange(96)).astype(np.uint8)
    image = Image.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], axis=-1))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in (("a.heic", {}), ("turned.HEIC", {"exif": exif.tobytes()})):
        file = pillow_heif.from_pillow(image)
        file.save(tmp_path / name, quality=100, **options)
        expected = image.transpose(Image.Transpose.ROTATE_270) if options else image
        found = read_image(tmp_path / name, as_stored(3))
        assert found.shape == (3, *expected.size[::-1])
        assert np.abs(np.moveaxis(found, 0, -1) * 255 - np.asarray(expected)).mean() < 4


@pytest.mark.parametrize(("module", "name", "extra"), [("tifffile", "b.tif", "tiff"), ("pillow_heif", "b.heic", "heif"),
                                                       ("pydicom", "b.dcm", "dicom")])  # fmt: skip
def test_a_package_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch, module, name, extra):
    if extra == "tiff":
        tifffile.imwrite(tmp_path / name, np.dstack([RGB, GREY, GREY]), photometric="minisblack", planarconfig="contig")
    else:
        (tmp_path / name).write_bytes(b"something")
    real = builtins.__import__

    def without(wanted, *arguments):
        if wanted.partition(".")[0] == module:
            raise ModuleNotFoundError(wanted)
        return real(wanted, *arguments)

    for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr("saliency.readers.packages.import_module", without)
    with pytest.raises(InputError, match=rf"needs .* {module}, .*: pip install 'nip-saliency\[{extra}\]'") as caught:
        read_image(tmp_path / name, as_stored(5))
    assert caught.value.status == Status.UNSUPPORTED
