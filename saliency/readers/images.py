"""From a photograph to the array that the network sees, before normalisation."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from saliency.exceptions import InputError, Status
from saliency.readers.files import REPLACE, check_file, words_of
from saliency.readers.masks import chosen_labels

# Pillow refuses larger files as decompression bombs; here the limit also holds for what an image is enlarged to.
LARGEST_IMAGE = 2 * 89_478_485


@dataclass(frozen=True)
class Preprocessing:
    """How images are brought to the network's input; keys as in the config's ``input``.

    Attributes
    ----------
    channels
        1 for greyscale, 3 for RGB.
    resize
        Length of the shorter side in pixels, [height, width], or None.
    crop
        Side of the central square, [height, width], or None.
    interpolation
        "nearest", "bilinear", "bicubic" or "lanczos".
    mask_values
        Values of a mask's pixels that belong to it; None for all but 0.
    """

    channels: int
    resize: int | Sequence[int] | None
    crop: int | Sequence[int] | None
    interpolation: str
    mask_values: Sequence[int] | None = None

    def read(self, files: Mapping[str, Path]) -> tuple[np.ndarray, None]:
        """Read a sample from its ``path``; photographs have no affine."""
        return read_image(files["path"], self), None

    def read_mask(self, files: Mapping[str, Path]) -> np.ndarray:
        """Read a sample's ``mask``, an image with one value per pixel, in the place where `read` puts the photograph.

        Returns
        -------
        ndarray
            ``(h, w)``, bool.

        Raises
        ------
        InputError
            If the mask cannot be read, or does not have the photograph's size.
        """
        with _opened(files["path"]) as photograph:
            size = photograph.size
        with _opened(files["mask"]) as image:
            if image.size != size:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"mask has {image.height} x {image.width} pixels, but the image {size[1]} x {size[0]}: they have "
                    "to lie on each other",
                )
            if len(image.getbands()) != 1:
                raise InputError(
                    Status.UNSUPPORTED, f"mask is {image.mode}: save it as an image with one number per pixel"
                )
            # As integers, a palette's numbers stay what they are and are not taken for colours.
            labels = Image.fromarray(np.asarray(image).astype(np.int32))
            if self.resize is not None:
                labels = labels.resize(resized_size(labels.size, self.resize), Image.Resampling.NEAREST)
            if self.crop is not None:
                labels = labels.crop(crop_box(labels.size, pair(self.crop)))
            return chosen_labels(np.asarray(labels), self.mask_values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a prepared sample, ``(c, *spatial)``.

        Examples
        --------
        >>> Preprocessing(3, 256, 224, "bicubic").shape
        (3, 224, 224)
        """
        size = self.resize if self.crop is None else self.crop
        if size is None or (isinstance(size, int) and self.crop is None):
            raise ValueError("set crop, or resize to [height, width], so that all samples get one shape")
        return self.channels, *pair(size)


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of a size that is one number for both."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def read_image(path: Path, preprocessing: Preprocessing) -> np.ndarray:
    """Decode, turn upright, resize and crop a photograph.

    Any format that Pillow reads; of an animation the first frame, of a transparent pixel its colour. 8-bit and 16-bit
    values are scaled to 0 … 1, floating point values are taken as they are. Sizes round as in torchvision's ``Resize``
    and ``CenterCrop``.

    Parameters
    ----------
    path
        The file.
    preprocessing
        Target size and channels.

    Returns
    -------
    ndarray
        ``(c, h, w)``, float32.

    Raises
    ------
    InputError
        If the file is missing or cannot be decoded, is too large or smaller than the crop, or holds values that are
        not finite, or integers of more than 16 bits.
    """
    with _opened(path) as image:
        array = _resized(image, preprocessing)
    if not np.isfinite(array).all():
        raise InputError(Status.NOT_FINITE, "holds NaN or infinite values: replace them, or remove the row")
    return array


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image, upright.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    with _opened(path) as image:
        return image.size


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image and turn it upright; whatever fails inside the ``with`` block is an `InputError`."""
    check_file(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns from half the size on at which it refuses.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Opened by name, an uncompressed TIFF that its orientation tag turns is read with swapped sides: Pillow 13.
            with path.open("rb") as file, Image.open(file) as image:
                yield ImageOps.exif_transpose(image)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            Status.WRONG_SHAPE, f"has more than {LARGEST_IMAGE:,} pixels: scale the file down or cut it into tiles"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            Status.UNREADABLE,
            "cannot be decoded (no format that Pillow reads): convert or replace the file, or remove the row",
        ) from error
    # Decoders raise what they like on broken files: OSError, SyntaxError, struct.error, IndexError, …
    except Exception as error:
        raise InputError(Status.UNREADABLE, f"cannot be decoded ({words_of(error, path)}): {REPLACE}") from error


def _resized(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    scale = 255.0
    if image.mode.startswith(("I", "F")):
        # Deep greyscale stays in floating point; Pillow's own conversion to 8 bits would clip it.
        scale = 1.0 if image.mode == "F" else 65535.0
        image = image.convert("F")
        low, high = image.getextrema()
        if scale != 1.0 and (low < 0 or high > scale):
            raise InputError(
                Status.UNSUPPORTED,
                f"holds integers from {low:.0f} to {high:.0f}, outside 0 … 65535: save it with 16 bits or as floating "
                "point",
            )
    else:
        if "transparency" in image.info:
            image = image.convert("RGBA")
        image = image.convert("RGB" if preprocessing.channels == 3 else "L")
    if preprocessing.resize is not None:
        width, height = resized_size(image.size, preprocessing.resize)
        if width * height > LARGEST_IMAGE:
            raise InputError(
                Status.WRONG_SHAPE,
                f"is {image.height} x {image.width} pixels, which resizing would make {height} x {width}: crop the "
                "file, or set resize to [height, width]",
            )
        image = image.resize((width, height), Image.Resampling[preprocessing.interpolation.upper()])
    if preprocessing.crop is not None:
        image = image.crop(crop_box(image.size, pair(preprocessing.crop)))
    pixels = np.asarray(image, dtype=np.float32) / np.float32(scale)
    if scale != 1.0:
        # Bicubic and Lanczos overshoot; Pillow clips 8-bit results by itself.
        pixels = pixels.clip(0, 1)
    pixels = pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(np.broadcast_to(pixels, (preprocessing.channels, *pixels.shape[1:])))


def resized_size(size: tuple[int, int], resize: int | Sequence[int]) -> tuple[int, int]:
    """Width and height of an image after resizing, from those before."""
    width, height = size
    if not isinstance(resize, int):
        return resize[1], resize[0]
    if width <= height:
        return resize, int(resize * height / width)
    return int(resize * width / height), resize


def crop_box(size: tuple[int, int], crop: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the central crop ``(height, width)`` of an image ``(width, height)``.

    Raises
    ------
    InputError
        If the image is smaller.
    """
    (width, height), (crop_height, crop_width) = size, crop
    if crop_height > height or crop_width > width:
        raise InputError(
            Status.WRONG_SHAPE,
            f"is {height} x {width} pixels after resizing, less than the crop of {crop_height} x {crop_width}: "
            "set a larger resize or a smaller crop",
        )
    left, top = round((width - crop_width) / 2), round((height - crop_height) / 2)
    return left, top, left + crop_width, top + crop_height
