"""Rows of a dataset of the user's: ``package.module:callable.dataset#7``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.exceptions import DataError, InputError, Status, in_one_line
from saliency.files.callables import ONE_AT_A_TIME, load_callable
from saliency.files.code_versions import code_of
from saliency.files.members import split_member
from saliency.readers.reader import ImageReader, Reader, VolumeReader

if TYPE_CHECKING:
    import numpy as np
    from nibabel.spatialimages import SpatialImage

SUFFIX = ".dataset"


class _DatasetRows(Reader):
    suffixes = (SUFFIX,)
    members = True
    version = 1

    def exists(self, path: Path) -> bool:
        """Known once it is imported, which planning does not do."""
        return True

    def fingerprint(self, path: Path) -> str:
        """Of the code of the dataset; what it reads is not known."""
        name = _name(self.file(path))
        return f"{name} {json.dumps(code_of(name))}"

    def check(self, path: Path) -> None:
        """There is no file to be looked at."""


class DatasetImages(_DatasetRows, ImageReader):
    """Tensors ``(c, h, w)``."""

    name = "dataset_images"
    title = "rows of your own torch dataset, see the key `dataset`: tensors (c, h, w), taken as they are"

    def open(self, path: Path) -> np.ndarray:
        """Get a row's tensor."""
        return _row(path, (3,), "(c, h, w)")


class DatasetVolumes(_DatasetRows, VolumeReader):
    """Tensors ``(c, x, y, z)`` or ``(x, y, z)``."""

    name = "dataset_volumes"
    title = "rows of your own torch dataset, see the key `dataset`: tensors (c, x, y, z); figures show no sides"

    def open(self, path: Path) -> SpatialImage:
        """Get a row's tensor as voxels of 1 mm, of whose directions nothing is known."""
        import numpy as np

        from saliency.readers.containers import volume_of

        values = _row(path, (3, 4), "(c, x, y, z)")
        values = np.moveaxis(values, 0, -1) if values.ndim == 4 else values
        return volume_of(values[..., 0] if values.shape[3:] == (1,) else values, None)


def _name(file: Path) -> str:
    return file.name.removesuffix(SUFFIX)


def _dataset(file: Path) -> Any:
    name = _name(file)
    found = load_callable(name, "dataset")
    if isinstance(found, type) or not hasattr(found, "__getitem__"):
        try:
            found = found()
        except Exception as error:
            raise DataError(f"dataset '{name}' raised {in_one_line(error)} when it was called: mend it") from error
    return found


def _row(path: Path, axes: tuple[int, ...], wanted: str) -> np.ndarray:
    import numpy as np

    from saliency.readers.containers import opened_once

    file, member = split_member(path)
    row, name = int(member.removeprefix("#")), _name(file)
    with ONE_AT_A_TIME:
        dataset = opened_once(_dataset, file)
    try:
        with ONE_AT_A_TIME:
            item = dataset[row]
            values = np.asarray(item[0] if isinstance(item, tuple | list) else item)
    except Exception as error:
        raise InputError(
            Status.UNREADABLE, f"dataset {name} raised {in_one_line(error)} for row {row}: mend it or remove the row"
        ) from error
    if values.ndim not in axes or values.dtype.kind not in "biuf" or min(values.shape) < 1:
        raise InputError(
            Status.WRONG_SHAPE,
            f"dataset {name} returned {values.dtype} values of shape {values.shape} for row {row}: return a tensor "
            f"{wanted}, or a tuple that begins with it",
        )
    return values
