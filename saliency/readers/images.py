"""From an image to the array that the network sees, before normalisation."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from saliency.exceptions import DataError, InputError, Status
from saliency.readers.colours import Limits, Numbers, as_channels, bits_caution, check_array, in_colours, numbers_of
from saliency.readers.files import LARGEST_IMAGE, REPLACE, words_of
from saliency.readers.masks import chosen_labels, whole_labels
from saliency.readers.placement import Size, crop_box, letterbox, pair, resized_size
from saliency.readers.registered import reader_of
from saliency.readers.remote import opened_on_disk
from saliency.readers.transforms import transformed

log = logging.getLogger(__name__)

# What a reader opens: an image of Pillow, values (c, h, w), or numbers that are not scaled yet.
Opened = Image.Image | np.ndarray | Numbers


@dataclass(frozen=True)
class Preprocessing:
    """How images are brought to the network's input; keys as in the config's ``input``.

    Attributes
    ----------
    channels
        1 for greyscale, 3 for RGB; others are taken as they are.
    resize
        Length of the shorter side in pixels, [height, width], or None.
    crop
        Side of the central square, [height, width], or None.
    interpolation
        "nearest", "bilinear", "bicubic" or "lanczos".
    mask_values
        Values of a mask's pixels that belong to it; None for all but 0.
    value_range, window
        The numbers of a file that become 0 and 1; beyond a window, they become 0 or 1 as well.
    transform
        ``package.module:callable``, from the decoded image ``(c, h, w)`` in 0 … 1 to what is resized.
    fit, pad_value
        "crop", or "letterbox" to scale all of an image into `crop` (else `resize`) and pad it with a value.
    order
        "rgb", or "bgr" for networks that were trained on images of OpenCV.
    """

    channels: int
    resize: int | Sequence[int] | None
    crop: int | Sequence[int] | None
    interpolation: str
    mask_values: Sequence[int] | None = None
    value_range: Sequence[float] | None = None
    window: Sequence[float] | None = None
    transform: str | None = None
    order: str = "rgb"
    fit: str = "crop"
    pad_value: float = 0

    @property
    def limits(self) -> Limits | None:
        """What becomes 0 and 1, where that does not follow from the file."""
        given = self.window or self.value_range
        return Limits(given[0], given[1], clipped=self.window is not None) if given else None

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
        size = self.file_size(files["path"])
        with opened_image(files["mask"], numbers=True) as mask:
            width, height = _size(mask)
            if (width, height) != size:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"mask has {height} x {width} pixels, but the image {size[1]} x {size[0]}: they have to lie on "
                    "each other",
                )
            # Chosen first: what a letterbox pads belongs to no label.
            chosen = chosen_labels(np.asarray(_labels(mask, self.mask_values)), self.mask_values)
            placed = self._placed(Image.fromarray(chosen.astype(np.uint8)), Image.Resampling.NEAREST)
            return np.asarray(placed) != 0

    def file_size(self, path: Path) -> Size:
        """Width and height of an image, upright: those on which its mask and boxes lie.

        Raises
        ------
        InputError
            If it cannot be opened, or `transform` gives it another size, so that nobody knows where they lie.
        """
        size = image_size(path)
        if self.transform:
            with opened_image(path, numbers=self.limits is not None) as image:
                changed = _size(self._changed(image))
            if changed != size:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"input.transform {self.transform} changes its size, so that its mask or boxes lie elsewhere: keep "
                    "the size, or leave out mask and boxes",
                )
        return size

    def to_input(self, image: Opened) -> np.ndarray:
        """Resize and crop an image.

        Parameters
        ----------
        image
            As a reader opens it. Colours of Pillow's images are converted to `channels`; a transparent pixel keeps its
            colour. Arrays ``(c, h, w)`` are taken as they are, and one channel fills all.

        Returns
        -------
        ndarray
            ``(c, h, w)``, float32.

        Raises
        ------
        InputError
            If it is too large, smaller than the crop, or has not as many channels.
        """
        resampling = Image.Resampling[self.interpolation.upper()]
        image = self._changed(image)
        if isinstance(image, Image.Image):
            converted, scale = in_colours(image, self.channels)
            pixels = np.asarray(
                self._placed(converted, resampling, scale * self.pad_value), dtype=np.float32
            ) / np.float32(scale)
            if scale != 1.0:
                # Bicubic and Lanczos overshoot; Pillow clips 8-bit results by itself.
                pixels = pixels.clip(0, 1)
            pixels = pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
        else:
            pixels = np.stack(
                [
                    np.asarray(self._placed(channel, resampling, self.pad_value))
                    for channel in as_channels(image, self.channels)
                ]
            )
        pixels = np.broadcast_to(pixels, (self.channels, *pixels.shape[1:]))
        return np.ascontiguousarray(pixels[::-1] if self.order == "bgr" else pixels)

    def _changed(self, image: Opened) -> Image.Image | np.ndarray:
        """An image before it is resized: scaled, and changed by the user's function."""
        if self.limits:
            image = self.limits.scale(numbers_of(image, self.channels))
        elif isinstance(image, Numbers):
            image = image.values
        return transformed(self._decoded(image), self.transform) if self.transform else image

    def _decoded(self, image: Image.Image | np.ndarray) -> np.ndarray:
        """An image before it is resized, ``(c, h, w)``, float32, as `to_input` scales it."""
        if isinstance(image, np.ndarray):
            return image.astype(np.float32)
        converted, scale = in_colours(image, self.channels)
        pixels = np.asarray(converted, dtype=np.float32) / np.float32(scale)
        pixels = pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
        return np.array(np.broadcast_to(pixels, (self.channels, *pixels.shape[1:])))

    def place(self, size: Size) -> tuple[Size, tuple[int, int, int, int]]:
        """Width and height of an image after resizing, and the box of it that the network sees."""
        if self.fit == "letterbox":
            target = self.resize if self.crop is None else self.crop
            return letterbox(size, pair(size[::-1] if target is None else target))
        resized = size if self.resize is None else resized_size(size, self.resize)
        return resized, (0, 0, *resized) if self.crop is None else crop_box(resized, pair(self.crop))

    def _placed(self, image: Image.Image, resampling: Image.Resampling, padding: float = 0) -> Image.Image:
        """The part of an image that the network sees, in its size."""
        if self.fit == "letterbox":
            size, box = self.place(image.size)
            inner = image.resize(size, resampling)
            fill = round(padding) if image.mode in ("L", "RGB", "RGBA") else padding
            whole = Image.new(image.mode, (box[2] - box[0], box[3] - box[1]), (fill,) * max(1, len(image.getbands())))
            whole.paste(inner, (-box[0], -box[1]))
            return whole
        if self.resize is not None:
            width, height = resized_size(image.size, self.resize)
            if width * height > LARGEST_IMAGE:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"is {image.height} x {image.width} pixels, which resizing would make {height} x {width}: crop the "
                    "file, or set resize to [height, width]",
                )
            image = image.resize((width, height), resampling)
        if self.crop is not None:
            image = image.crop(crop_box(image.size, pair(self.crop)))
        return image


def read_image(path: Path, preprocessing: Preprocessing) -> np.ndarray:
    """Open, resize and crop an image.

    8-bit and 16-bit values are scaled to 0 … 1, floating point values and those of an array are taken as they are.
    Sizes round as in torchvision's ``Resize`` and ``CenterCrop``.

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
    with opened_image(path, numbers=preprocessing.limits is not None) as image:
        if not preprocessing.limits and (caution := bits_caution(image)):
            log.warning("%s: %s", path, caution)
        array = preprocessing.to_input(image)
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
    with opened_image(path) as image:
        return _size(image)


@contextmanager
def opened_image(path: Path, numbers: bool = False) -> Iterator[Opened]:
    """Open an image, or the numbers in it; whatever fails inside the ``with`` block is an `InputError`."""
    reader, file = reader_of(path, "2D"), path
    try:
        _spare_warnings_of_size()
        with opened_on_disk(path, reader) as file:
            image: Opened = reader.numbers(file) if numbers else reader.open(file)
            if not isinstance(image, Image.Image):
                check_array(image.values if isinstance(image, Numbers) else image)
            yield image
    except (InputError, DataError):
        raise
    # Decoders raise what they like on broken files: OSError, SyntaxError, struct.error, IndexError, …
    except Exception as error:
        raise InputError(Status.UNREADABLE, f"cannot be decoded ({words_of(error, file)}): {REPLACE}") from error


def _spare_warnings_of_size() -> None:
    """Leave out Pillow's warnings of large images, which begin at half the size at which it refuses.

    They stay out: to put filters back while other threads read would put back what is not theirs.
    """
    wanted = ("ignore", None, Image.DecompressionBombWarning, None, 0)
    if wanted not in warnings.filters:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _size(image: Opened) -> tuple[int, int]:
    """Width and height."""
    if isinstance(image, Image.Image):
        return image.size
    values = image.values if isinstance(image, Numbers) else image
    return values.shape[2], values.shape[1]


def _labels(image: Opened, wanted: Sequence[int] | None) -> Image.Image:
    """A mask's numbers."""
    if isinstance(image, Numbers):
        image = image.values
    bands = len(image.getbands()) if isinstance(image, Image.Image) else len(image)
    if bands != 1:
        what = image.mode if isinstance(image, Image.Image) else f"of {bands} channels"
        raise InputError(Status.UNSUPPORTED, f"mask is {what}: save it as an image with one number per pixel")
    # As integers, a palette's numbers stay what they are and are not taken for colours.
    values = whole_labels(np.asarray(image) if isinstance(image, Image.Image) else image[0], wanted)
    # Without whole numbers, all but 0 belongs to the mask.
    return Image.fromarray((values if values.dtype.kind in "biu" else np.ceil(np.abs(values))).astype(np.int32))
