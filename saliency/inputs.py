"""From a file to the array that the network sees, before normalisation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# What Pillow refuses to decode; a long narrow image gets there by resizing.
PIXELS = 2 * 89_478_485


class Status(IntEnum):
    """What became of a sample."""

    OK = 0
    MISSING = 1
    UNREADABLE = 2
    WRONG_SHAPE = 3
    NOT_FINITE = 4
    UNSUPPORTED = 5
    EMPTY = 6

    @property
    def reason(self) -> str:
        """One line for tables and figures."""
        return {
            Status.OK: "",
            Status.MISSING: "there is no such file",
            Status.UNREADABLE: "the file cannot be decoded",
            Status.WRONG_SHAPE: "the file does not have the configured shape",
            Status.NOT_FINITE: "the values are not all finite",
            Status.UNSUPPORTED: "the file holds no kind of data that can be used",
            Status.EMPTY: "the values that count are all the same",
        }[self]


class InputError(Exception):
    """A sample that cannot be used.

    Attributes
    ----------
    status
        The kind of failure.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


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
        with _opened(files["path"]) as photograph, _opened(files["mask"]) as image:
            if image.size != photograph.size:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"mask has {image.height} x {image.width} pixels, but the image {photograph.height} x "
                    f"{photograph.width}: they have to lie on each other",
                )
            if len(image.getbands()) != 1:
                raise InputError(Status.UNSUPPORTED, f"mask is {image.mode}, not an image with one value per pixel")
            # As integers, a palette's numbers stay what they are and are not taken for colours.
            values = np.asarray(image).astype(np.int32)
            labels = Image.fromarray(values)
            if self.resize is not None:
                labels = labels.resize(_resized_size(labels.size, self.resize), Image.Resampling.NEAREST)
            if self.crop is not None:
                labels = labels.crop(_crop_box(labels.size, _pair(self.crop)))
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
        return self.channels, *_pair(size)


def chosen_labels(labels: np.ndarray, values: Sequence[int] | None) -> np.ndarray:
    """Turn a label image into a mask: where a label is one of `values`, or with None, is not 0.

    Examples
    --------
    >>> chosen_labels(np.array([0, 1, 2]), None).tolist(), chosen_labels(np.array([0, 1, 2]), [2]).tolist()
    ([False, True, True], [False, False, True])
    """
    return labels != 0 if values is None else np.isin(labels, values)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def read_image(path: Path, preprocessing: Preprocessing) -> np.ndarray:
    """Decode, turn upright, resize and crop a photograph.

    Any format that Pillow reads; of an animation the first frame. 8-bit and 16-bit values are scaled to 0 … 1,
    floating point values are taken as they are. Sizes round as in torchvision's ``Resize`` and ``CenterCrop``.

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
        If the file is missing or cannot be decoded, is smaller than the crop, or holds values that are not finite.
    """
    with _opened(path) as image:
        array = _resized(image, preprocessing)
    if not np.isfinite(array).all():
        raise InputError(Status.NOT_FINITE, "holds NaN or infinite values: replace the file or remove the row")
    return array


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image and turn it upright; whatever fails inside the ``with`` block is an `InputError`."""
    try:
        # Opened by name, an uncompressed TIFF that its orientation tag turns is read with swapped sides (Pillow 13).
        with path.open("rb") as file, Image.open(file) as image:
            yield ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise InputError(Status.MISSING, "there is no such file: correct the path or remove the row") from None
    except InputError:
        raise
    # Decoders raise what they like on broken files: OSError, SyntaxError, struct.error, IndexError, …
    except Exception as error:
        raise InputError(
            Status.UNREADABLE, f"cannot be decoded ({error}): replace the file or remove the row"
        ) from error


def _resized(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    scale = 255.0
    if image.mode.startswith(("I", "F")):
        # Deep greyscale stays in floating point; Pillow's own conversion to 8 bits would clip it.
        scale = 1.0 if image.mode == "F" else 65535.0
        image = image.convert("F")
    else:
        if "transparency" in image.info:
            image = image.convert("RGBA")
        image = image.convert("RGB" if preprocessing.channels == 3 else "L")
    if preprocessing.resize is not None:
        resample = Image.Resampling[preprocessing.interpolation.upper()]
        size = _resized_size(image.size, preprocessing.resize)
        if size[0] * size[1] > PIXELS:
            raise InputError(
                Status.WRONG_SHAPE,
                f"would be {size[1]} x {size[0]} pixels after resizing: set resize to [height, width]",
            )
        image = image.resize(size, resample)
    if preprocessing.crop is not None:
        image = image.crop(_crop_box(image.size, _pair(preprocessing.crop)))
    pixels = np.asarray(image, dtype=np.float32) / np.float32(scale)
    if scale != 1.0:
        # Bicubic and Lanczos overshoot; Pillow clips 8-bit results by itself.
        pixels = pixels.clip(0, 1)
    pixels = pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(np.broadcast_to(pixels, (preprocessing.channels, *pixels.shape[1:])))


def _resized_size(size: tuple[int, int], resize: int | Sequence[int]) -> tuple[int, int]:
    width, height = size
    if not isinstance(resize, int):
        return resize[1], resize[0]
    if width <= height:
        return resize, int(resize * height / width)
    return int(resize * width / height), resize


def _crop_box(size: tuple[int, int], crop: tuple[int, int]) -> tuple[int, int, int, int]:
    (width, height), (crop_height, crop_width) = size, crop
    if crop_height > height or crop_width > width:
        raise InputError(
            Status.WRONG_SHAPE,
            f"is {height} x {width} pixels after resizing, less than the crop of {crop_height} x {crop_width}: "
            "set a larger resize or a smaller crop",
        )
    left, top = round((width - crop_width) / 2), round((height - crop_height) / 2)
    return left, top, left + crop_width, top + crop_height
