"""Arrays of NumPy as volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.files.paths import fingerprint
from saliency.readers.reader import VolumeReader

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage


class NumpyVolumes(VolumeReader):
    """Arrays ``(i, j, k)`` or ``(i, j, k, c)``; ``scan.affine.txt`` beside ``scan.npy`` says where they lie."""

    name = "numpy_volumes"
    title = "NumPy's arrays, with the affine (four rows of four numbers) in `NAME.affine.txt` beside `NAME.npy`"
    suffixes = (".npy",)
    accompanied = suffixes
    version = 2

    def fingerprint(self, path: Path) -> str:
        """Also that of the affine."""
        return f"{fingerprint(path)} {fingerprint(affine_file(path))}"

    def open(self, path: Path) -> SpatialImage:
        """Read an array; without an affine, voxels are 1 mm wide and nothing is known of their directions."""
        import numpy as np

        from saliency.readers.containers import volume_of

        values, beside = np.load(path, mmap_mode="r", allow_pickle=False), affine_file(path)
        if not beside.is_file():
            return volume_of(values, None)
        try:
            return volume_of(values, np.loadtxt(beside).reshape(4, 4))
        except ValueError as error:
            raise InputError(
                Status.UNSUPPORTED, f"has {beside.name} beside it, which holds no four rows of four numbers: correct it"
            ) from error


def affine_file(path: Path) -> Path:
    """Where the affine of an array lies.

    Examples
    --------
    >>> affine_file(Path("scan.npy")).name
    'scan.affine.txt'
    """
    return path.with_name(f"{path.stem}.affine.txt")
