"""Whether two files lie on one grid: where the corners of one lie in the other, in voxels."""

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from nibabel.spatialimages import SpatialImage

from saliency.exceptions import InputError, Status

log = logging.getLogger(__name__)

# In voxels of the first file: what no mask or second channel is seen to be off by, and what noise of a header can be.
FARTHEST = 0.1
NOISE = 1e-3


def corner_distance(shape: Sequence[int], affine: np.ndarray, other: np.ndarray) -> float:
    """How far apart two grids of one shape lie at their corners, where they differ most.

    Parameters
    ----------
    shape
        Of both.
    affine, other
        From voxels to millimetres, ``(4, 4)``.

    Returns
    -------
    float
        Largest distance along an axis of the first grid, in its voxels.

    Examples
    --------
    >>> corner_distance((101, 4, 4), np.diag([2.0, 1, 1, 1]), np.diag([2.01, 1, 1, 1]))
    0.5
    """
    corners = np.array(list(itertools.product(*((0, size - 1) for size in shape))), dtype=float)
    there = apply_affine(np.linalg.inv(affine) @ other, corners)
    return float(np.abs(there - corners).max().round(9))


def check_same_grid(image: SpatialImage, first: SpatialImage, path: Path) -> None:
    """Refuse a file that does not lie on the first file's grid; one that is off by less than is seen is logged.

    Parameters
    ----------
    image, first
        The file, and the sample's first.
    path
        Of the file, for the log.

    Raises
    ------
    InputError
        If shapes differ, or a corner lies more than `FARTHEST` voxels from where it lies in the first file.
    """
    if image.shape[:3] == first.shape[:3]:
        distance = corner_distance(first.shape[:3], first.affine, image.affine)
        if distance <= FARTHEST:
            if distance > NOISE:
                log.info(
                    "%s: its corners are up to %.2g voxels off those of the first file: taken as one", path, distance
                )
            return
        difference = f"same shape, but its corners are up to {distance:.2g} voxels off, more than {FARTHEST:g}"
    else:
        difference = f"shape {image.shape[:3]} instead of {first.shape[:3]}"
    raise InputError(
        Status.WRONG_SHAPE,
        f"lies on another grid than the first file ({difference}): register and resample the files of a sample to one "
        "grid",
    )
