"""Files that hold many samples: opened once in each process, and read row by row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.exceptions import InputError, Status
from saliency.files.members import split_member, split_number
from saliency.files.paths import fingerprint

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

# Files that are held open; a sample can have a channel and a mask in files of their own.
HELD = 8
# Names that are listed where one is not found.
LISTED = 5


def opened_once(open_file: Callable[[Path], Any], path: Path) -> Any:
    """Open a file, or take what was opened of it before in this process, unless the file has changed since.

    Examples
    --------
    >>> opened_once(Path.exists, Path("no such file"))
    False
    """
    return _opened(open_file, path, fingerprint(path), os.getpid())


@lru_cache(maxsize=HELD)
def _opened(open_file: Callable[[Path], Any], path: Path, _fingerprint: str, _process: int) -> Any:
    return open_file(path)


def row_of(arrays: Callable[[str], Any], names: Callable[[], Iterable[str]], path: Path) -> tuple[np.ndarray, Any]:
    """Read what the name of a sample means in a file: an array, or a row of one.

    Parameters
    ----------
    arrays
        The file's array of a name; KeyError where there is none.
    names
        Of all arrays.
    path
        ``file::array#row``, or without a row for all of an array.

    Returns
    -------
    values
        As stored.
    affine
        The array's attribute ``affine``: ``(4, 4)``, of the row where there is one for each; None without it.

    Raises
    ------
    InputError
        If there is no such array or row.
    """
    file, member = split_member(path)
    name, row = split_number(member)
    try:
        array = arrays(name)
    except KeyError:
        known = sorted(names())
        some = ", ".join(known[:LISTED]) + (", …" if known[LISTED:] else "")
        raise InputError(
            Status.MISSING,
            f"has no array '{name}', but {some or 'none at all'}: write {file.name}::ARRAY#ROW in the manifest",
        ) from None
    affine = array.attrs.get("affine")
    if row is None:
        return np.asarray(array[()]), None if affine is None else np.asarray(affine, dtype=float)
    if row >= array.shape[0]:
        raise InputError(Status.MISSING, f"has {array.shape[0]} rows in '{name}', none of number {row}: count from 0")
    if affine is not None:
        affine = np.asarray(affine, dtype=float)
        affine = affine[row] if affine.ndim == 3 else affine
    return np.asarray(array[row]), affine


def volume_of(values: np.ndarray, affine: np.ndarray | None) -> SpatialImage:
    """An image of nibabel; without an affine, voxels are 1 mm wide and nothing is known of their directions."""
    import nibabel as nib

    # What NIfTI-1, in whose words nibabel holds it, has no type for.
    if values.dtype.kind == "b" or (values.dtype.kind in "iu" and values.dtype.itemsize == 8):
        values = values.astype(np.float64)
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    image = nib.Nifti1Image(values, np.eye(4) if affine is None else affine)
    if affine is None:
        # NiBabel would take the first axis to run to the left, as of a NIfTI without directions, and turn it.
        image.set_sform(None, code=0, update_affine=False)
        image.set_qform(None, code=0, update_affine=False)
    return image
