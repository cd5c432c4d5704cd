"""A sample's file, opened once for all groups of facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from saliency.exceptions import InputError, Status
from saliency.files.members import split_member
from saliency.files.paths import is_folder

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage
    from PIL import Image


@dataclass(frozen=True)
class OpenedFile:
    """A file, or a folder that a reader opens.

    Attributes
    ----------
    path
        Where it is.
    """

    path: Path

    @property
    def size(self) -> int | None:
        """Bytes on the disk; of a folder, those of all files in it; None of what lies in a file with other samples."""
        if split_member(self.path)[1]:
            return None
        files = self.path.rglob("*") if is_folder(self.path) else [self.path]
        return sum(file.stat().st_size for file in files if file.is_file())


@dataclass(frozen=True)
class Picture(OpenedFile):
    """A photograph.

    Attributes
    ----------
    image
        As the reader decodes it, upright: an image of Pillow, or values ``(c, h, w)``.
    header
        The file as Pillow opens it, not decoded; None where Pillow does not know the format.

    Examples
    --------
    >>> picture = Picture(Path("a.npy"), np.array([[[0.5, 1.0]]]), None)
    >>> picture.luminance.tolist()
    [[0.5, 1.0]]
    """

    image: Image.Image | np.ndarray
    header: Image.Image | None

    @cached_property
    def luminance(self) -> np.ndarray:
        """``(h, w)``, 0 … 1: ``0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601); of an array the mean of channels."""
        if isinstance(self.image, np.ndarray):
            return self.image.mean(axis=0, dtype=np.float32)
        from saliency.readers.colours import in_colours

        grey, scale = in_colours(self.image, 1)
        return np.asarray(grey, dtype=np.float32) / np.float32(scale)


@dataclass(frozen=True)
class Volume(OpenedFile):
    """A volume.

    Attributes
    ----------
    image
        As the reader opens it.
    """

    image: SpatialImage

    @cached_property
    def values(self) -> np.ndarray:
        """All values, float32, of the file's shape."""
        return self.image.get_fdata(dtype=np.float32, caching="unchanged")


@contextmanager
def opened_picture(path: Path) -> Iterator[Picture]:
    """Decode a photograph, once.

    Raises
    ------
    InputError
        If it cannot be read, also within the ``with`` block.
    """
    from PIL import Image, UnidentifiedImageError

    from saliency.readers.images import opened_image
    from saliency.readers.registered import reader_of
    from saliency.readers.remote import opened_on_disk

    with opened_on_disk(path, reader_of(path, "2D")) as file, opened_image(file) as image, ExitStack() as stack:
        try:
            header = stack.enter_context(Image.open(stack.enter_context(file.open("rb"))))
        except (UnidentifiedImageError, OSError):  # no format of Pillow, or no file of its own
            header = None
        picture = Picture(file, cast("Image.Image | np.ndarray", image), header)
        if not np.isfinite(picture.luminance).all():
            raise InputError(Status.NOT_FINITE, "holds NaN or infinite values: replace them, or remove the row")
        yield picture


@contextmanager
def opened_volume(path: Path) -> Iterator[Volume]:
    """Open a volume; exceptions as in `opened_picture`."""
    from saliency.readers.files import REPLACE, words_of
    from saliency.readers.registered import reader_of
    from saliency.readers.remote import opened_on_disk
    from saliency.readers.volumes import load_volume

    with opened_on_disk(path, reader_of(path, "3D")) as file:
        try:
            yield Volume(file, load_volume(file))
        except InputError:
            raise
        # Broken compression surfaces where values are read, as whatever nibabel raises.
        except Exception as error:
            raise InputError(Status.UNREADABLE, f"cannot be decoded ({words_of(error, file)}): {REPLACE}") from error
