"""What a reader is: one class that says which files it opens, and opens them.

A new format is one file in `saliency.readers.formats`. It is imported while jobs are planned, and imports the library
that decodes it inside its functions only. What becomes of the values afterwards, such as cropping and resampling, is
no reader's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from saliency.files.members import split_member
from saliency.files.paths import fingerprint, folder_fingerprint, is_file, is_folder
from saliency.readers.files import check_file, check_folder

if TYPE_CHECKING:
    import numpy as np
    from nibabel.spatialimages import SpatialImage
    from PIL import Image

    from saliency.readers.colours import Numbers

Mode = Literal["2D", "3D"]


class Reader(ABC):
    """A format in which a sample's files can lie. Derive from `ImageReader` or `VolumeReader`.

    Attributes
    ----------
    name
        In digests and messages.
    title
        Which files it opens, for ``config/README.md``.
    mode
        The config's ``input.mode`` that it serves. Where a format holds both images and volumes, its file has two
        readers.
    suffixes
        How the names of its files end, in lower case and with the dot: ``(".npy",)``, ``(".seg.nrrd", ".nrrd")``.
        Without any, it is the mode's default, and opens what no other reader claims.
    members
        Whether names go on behind that of its file, with what is meant in it: ``file.h5::/images#7``. `open` gets the
        whole.
    folders
        Whether it opens folders instead of files; a mode can have a default for each.
    accompanied
        Endings of names of files that can have another one beside them, which belongs to them.
    affine
        Whether the name of a file with the affine can stand behind that of its file, where the manifest's column
        ``affine`` puts it. It then has `members`.
    mark
        Where in a file which bytes stand, by which it is known where its name says nothing: without an ending, or with
        one of digits.
    package, extra
        What it imports to decode any of its files, where that does not come with this project; and this project's extra
        that brings it.
    version
        Raise it when a change to the code changes what is read: shards with such files are then made again.

    Examples
    --------
    >>> from saliency.readers.registered import readers
    >>> readers()["pillow"].mode, readers()["pillow"].exists(Path("no such file"))
    ('2D', False)
    """

    name: ClassVar[str]
    title: ClassVar[str]
    mode: ClassVar[Mode]
    suffixes: ClassVar[tuple[str, ...]] = ()
    members: ClassVar[bool] = False
    folders: ClassVar[bool] = False
    accompanied: ClassVar[tuple[str, ...]] = ()
    affine: ClassVar[bool] = False
    mark: ClassVar[tuple[int, bytes] | None] = None
    package: ClassVar[str] = ""
    extra: ClassVar[str] = ""
    version: ClassVar[int]

    def file(self, path: Path) -> Path:
        """The file or folder itself, without what is meant in it."""
        return split_member(path)[0] if self.members else path

    def exists(self, path: Path) -> bool:
        """Whether there is such a file, or such a folder."""
        return is_folder(self.file(path)) if self.folders else is_file(self.file(path))

    def fingerprint(self, path: Path) -> str:
        """By what a replaced file is noticed: size and modification time; of a folder, those of all of its files."""
        return folder_fingerprint(self.file(path)) if self.folders else fingerprint(self.file(path))

    def check(self, path: Path) -> None:
        """Refuse what need not be opened to see that it cannot be used.

        Raises
        ------
        InputError
            As `check_file` or `check_folder`.
        """
        if self.folders:
            check_folder(self.file(path))
        else:
            check_file(self.file(path))


class ImageReader(Reader):
    """A format of images, for ``mode: 2D``."""

    mode = "2D"

    @abstractmethod
    def open(self, path: Path) -> Image.Image | np.ndarray:
        """Open an image that `check` let pass.

        Whatever it raises costs only this sample its result. An `InputError` keeps its words; another exception is
        reported as a file that cannot be decoded.

        Returns
        -------
        Image or ndarray
            A decoded, upright image of Pillow; or ``(c, h, w)``, numbers that are taken as they are, with as many
            channels as the config says, or with one. A mask has one.
        """

    def numbers(self, path: Path) -> Image.Image | np.ndarray | Numbers:
        """Open an image without scaling what it holds: for masks, and where the config says what becomes 0 and 1."""
        return self.open(path)


class VolumeReader(Reader):
    """A format of volumes, for ``mode: 3D``."""

    mode = "3D"

    @abstractmethod
    def open(self, path: Path) -> SpatialImage:
        """Open a volume that `check` let pass; exceptions as in `ImageReader.open`.

        Returns
        -------
        SpatialImage
            Values ``(i, j, k)`` or ``(i, j, k, c)``, and the affine ``(4, 4)`` from voxels to millimetres; for example
            ``nibabel.Nifti1Image(values, affine)``.
        """
