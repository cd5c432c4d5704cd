"""Reading samples of either kind: photographs or volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.exceptions import DataError, InputError, Status, in_one_line
from saliency.readers.files import REPLACE
from saliency.readers.images import Preprocessing

# Photographs do not wait for NiBabel.
if TYPE_CHECKING:
    from saliency.readers.volumes import VolumePreprocessing


def preprocessing_of(settings: dict[str, Any]) -> Preprocessing | VolumePreprocessing:
    """Build what reads samples, from the config's ``input``.

    Examples
    --------
    >>> settings = {"mode": "2D", "channels": 3, "resize": 256, "crop": 224, "interpolation": "bicubic"}
    >>> preprocessing_of(settings).crop
    224
    """
    kind: type[Preprocessing | VolumePreprocessing] = Preprocessing
    if settings["mode"] == "3D":
        from saliency.readers.volumes import VolumePreprocessing

        kind = VolumePreprocessing
    return kind(**{field.name: settings[field.name] for field in fields(kind) if field.name in settings})


def read_sample(
    preprocessing: Preprocessing | VolumePreprocessing, files: Mapping[str, Path], region: bool = False
) -> dict[str, np.ndarray]:
    """Read a sample; whatever is wrong with it is an `InputError`, so that it costs no other sample its result.

    Parameters
    ----------
    preprocessing
        From `preprocessing_of`.
    files
        The sample's files by manifest column.
    region
        Whether the scores of a dense model are summed over the sample's mask.

    Returns
    -------
    dict
        By array of the store: ``inputs`` ``(c, *spatial)``, float32; for volumes ``affine`` ``(4, 4)``, from voxels to
        millimetres; with `region` ``region`` ``(*spatial)``, bool.

    Raises
    ------
    InputError
        If the sample cannot be used.
    """
    try:
        values, affine = preprocessing.read(files)
        arrays = {"inputs": values} if affine is None else {"inputs": values, "affine": affine}
        if region:
            arrays["region"] = preprocessing.read_mask(files)
            if not arrays["region"].any():
                raise InputError(Status.EMPTY, "mask is empty where the network looks: correct it or remove the row")
    except (InputError, DataError):
        raise
    # A header can ask of nibabel what nobody foresaw, long after its file was opened.
    except Exception as error:
        raise InputError(Status.UNREADABLE, f"cannot be used ({in_one_line(error)}): {REPLACE}") from error
    return arrays
