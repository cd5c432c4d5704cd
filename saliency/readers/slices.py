"""A stack of slices, each of which says where it lies in the patient, as one volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saliency.exceptions import InputError, Status

if TYPE_CHECKING:
    import nibabel as nib

# In slices and pixels: how far a slice may lie from where a regular stack has it.
FARTHEST = 0.1
# From DICOM's axes (left, posterior, superior) to those of NIfTI (right, anterior, superior).
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Slice:
    """One slice.

    Attributes
    ----------
    values
        ``(rows, columns)``.
    position
        Centre of the first pixel, in mm, in DICOM's axes.
    orientation
        Directions of a row and of a column, six numbers.
    spacing
        Between rows and between columns, in mm.
    thickness
        Used where there is only one slice; 0 if it is not known.
    name
        For messages.
    """

    values: np.ndarray
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    thickness: float
    name: str


def stacked(slices: Sequence[Slice]) -> nib.Nifti1Image:
    """Put slices on top of each other, whatever order they come in.

    Returns
    -------
    Nifti1Image
        Values ``(columns, rows, slices)``, float32, and the affine in RAS.

    Raises
    ------
    InputError
        If slices differ in size or direction, lie in one place, are missing or unevenly spaced, or are shifted against
        each other, as by a tilted gantry.
    """
    import nibabel as nib

    first = slices[0]
    for other in slices:
        _check_alike(first, other)
    along_row, along_column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    normal = np.cross(along_row, along_column)
    heights = np.array([np.dot(one.position, normal) for one in slices])
    order = np.argsort(heights, kind="stable")
    slices, heights = [slices[number] for number in order], heights[order]
    step = _step(slices, heights)
    _check_tilt(slices, normal, step)
    affine = np.eye(4)
    affine[:3, 0] = along_row * first.spacing[1]
    affine[:3, 1] = along_column * first.spacing[0]
    affine[:3, 2] = normal * step
    affine[:3, 3] = slices[0].position
    values = np.stack([one.values.T for one in slices], axis=-1).astype(np.float32)
    image = nib.Nifti1Image(values, TO_RAS @ affine)
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    return image


def _check_alike(first: Slice, other: Slice) -> None:
    if other.values.shape != first.values.shape:
        size = "{1} x {0}".format(*other.values.shape)
        raise InputError(
            Status.WRONG_SHAPE,
            f"has slices of different sizes ({other.name}: {size}, {first.name}: {first.values.shape[1]} x "
            f"{first.values.shape[0]}): give each stack a folder of its own",
        )
    # The far corner moves by less than a tenth of a pixel.
    limit = FARTHEST / max(first.values.shape)
    turned = np.abs(np.subtract(other.orientation, first.orientation)).max() > limit
    if turned or np.abs(np.divide(other.spacing, first.spacing) - 1).max() > limit:
        raise InputError(
            Status.WRONG_SHAPE,
            f"has slices of different directions or pixel sizes ({other.name}, {first.name}): give each stack a folder "
            "of its own, without scouts",
        )


def _step(slices: Sequence[Slice], heights: np.ndarray) -> float:
    """Distance between slices, in mm."""
    if len(slices) == 1:
        if slices[0].thickness <= 0:
            raise InputError(Status.UNSUPPORTED, "is a single slice of unknown thickness: use input.mode 2D")
        return slices[0].thickness
    gaps = np.diff(heights)
    step = float(np.median(gaps))
    same = np.flatnonzero(gaps < FARTHEST * step) if step > 1e-6 else np.flatnonzero(gaps <= 1e-6)
    if same.size:
        one, other = (slices[int(same[0]) + number].name for number in (0, 1))
        raise InputError(
            Status.WRONG_SHAPE,
            f"has several slices in one place, such as {one} and {other}: give each time point or echo a folder of its "
            "own",
        )
    wide = np.flatnonzero(gaps > (1 + FARTHEST) * step)
    for gap in map(int, wide):
        missing = gaps[gap] / step - 1
        if abs(missing - round(missing)) <= FARTHEST * (1 + missing):
            raise InputError(
                Status.WRONG_SHAPE,
                f"lacks {round(missing)} slice(s) between {slices[gap].name} and {slices[gap + 1].name}, which are "
                f"{gaps[gap]:.4g} mm apart instead of {step:.4g}: find the file, or remove the row",
            )
    mean = (heights[-1] - heights[0]) / (len(heights) - 1)
    off = np.abs(heights - heights[0] - mean * np.arange(len(heights))).max()
    if off > FARTHEST * mean:
        raise InputError(
            Status.WRONG_SHAPE,
            f"has slices that are unevenly spaced ({gaps.min():.4g} to {gaps.max():.4g} mm): resample them evenly",
        )
    return float(mean)


def _check_tilt(slices: Sequence[Slice], normal: np.ndarray, step: float) -> None:
    """Refuse slices whose first pixels do not lie above each other."""
    positions = np.array([one.position for one in slices])
    aside = positions - positions[0] - np.outer((positions - positions[0]) @ normal, normal)
    shift = np.linalg.norm(aside, axis=1).max()
    if shift > FARTHEST * min(slices[0].spacing):
        angle = np.degrees(np.arctan2(np.linalg.norm(aside[-1]), step * (len(slices) - 1)))
        raise InputError(
            Status.UNSUPPORTED,
            f"has slices that are shifted against each other by up to {shift:.3g} mm, as by a gantry tilt of "
            f"{angle:.1f} degrees: resample them to a straight stack, for example with dcm2niix",
        )
