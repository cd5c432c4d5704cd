"""Arrays of NumPy as volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.files.members import split_member
from saliency.files.paths import fingerprint, resolve
from saliency.readers.reader import VolumeReader

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage


class NumpyVolumes(VolumeReader):
    """Arrays ``(i, j, k)`` or ``(i, j, k, c)``; a file of its own says where they lie, see `affine_file`."""

    name = "numpy_volumes"
    title = (
        "NumPy's arrays; the affine, four rows of four numbers, is in the file that the manifest's column `affine` "
        "names, or in `NAME.affine.txt` beside `NAME.npy`"
    )
    suffixes = (".npy",)
    members = affine = True
    accompanied = suffixes
    version = 2

    def fingerprint(self, path: Path) -> str:
        """Also that of the affine."""
        return f"{fingerprint(self.file(path))} {fingerprint(affine_file(path))}"

    def open(self, path: Path) -> SpatialImage:
        """Read an array; without an affine, voxels are 1 mm wide and nothing is known of their directions."""
        import numpy as np

        from saliency.readers.containers import volume_of

        file, other = self.file(path), affine_file(path)
        values = np.load(file, mmap_mode="r", allow_pickle=False)
        if not other.is_file():
            if file != path:
                raise InputError(Status.MISSING, f"has its affine in {other}, which is no file: correct the manifest")
            return volume_of(values, None)
        try:
            affine = np.loadtxt(other).reshape(4, 4)
        except ValueError as error:
            raise InputError(
                Status.UNSUPPORTED,
                f"has its affine in {other.name}, which holds no four rows of four numbers: correct it",
            ) from error
        if not np.array_equal(affine[3], [0, 0, 0, 1]):
            raise InputError(
                Status.UNSUPPORTED, f"has its affine in {other.name}, whose last row is not 0 0 0 1: correct it"
            )
        return volume_of(values, affine)


def affine_file(path: Path) -> Path:
    """Where the affine of an array lies: in the file that is named behind it, else beside it.

    Examples
    --------
    >>> affine_file(Path("scan.npy")).name, affine_file(Path("scans/a.npy::../affines/a.txt")).as_posix()
    ('scan.affine.txt', 'scans/../affines/a.txt')
    """
    file, named = split_member(path)
    return resolve(named, file.parent) if named else file.with_name(f"{file.stem}.affine.txt")
