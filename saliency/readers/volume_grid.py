"""How the voxels that a 3D network sees lie in the original file, and the way back.

The network's grid is in RAS order: the first axis runs to the patient's right, the second to the front, the third
upwards.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, from_matvec, voxel_sizes
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from saliency.exceptions import InputError, Status

# Voxels of a resampled volume, 4 GiB; a header with metres for millimetres would ask for a billion times as many.
LARGEST_VOLUME = 2**30
# What NIfTI-1, in which nibabel resamples, can say of an axis.
LONGEST_AXIS = 2**15 - 1
Affine = np.ndarray


@dataclass(frozen=True)
class VolumeGrid:
    """How the voxels that the network sees lie in the original file.

    Attributes
    ----------
    original_shape, original_affine
        Of the file: its three spatial axes, and the map from its voxels to millimetres.
    resampled_shape, resampled_affine
        In RAS order and with the network's voxel size, before cropping.
    offset
        Where the network's first voxel lies in the resampled volume; negative where it was padded.
    shape
        What the network sees.
    """

    original_shape: tuple[int, ...]
    original_affine: Affine
    resampled_shape: tuple[int, ...]
    resampled_affine: Affine
    offset: tuple[int, ...]
    shape: tuple[int, ...]

    @classmethod
    def of(
        cls,
        shape: Sequence[int],
        affine: Affine,
        voxel_size: Sequence[float] | None,
        wanted: Sequence[int] | None,
        resize: Sequence[int] | None = None,
    ) -> "VolumeGrid":
        """Lay the network's grid into a file's grid, centre on centre.

        Parameters
        ----------
        shape, affine
            Of the file.
        voxel_size
            In mm along the RAS axes, or None to keep the file's.
        wanted
            Shape that the network sees; None for that of the resampled volume.
        resize
            Number of voxels along the RAS axes, in place of `voxel_size`: the volume keeps its edges.

        Raises
        ------
        InputError
            If an axis is too long, or resampling would give more voxels than memory is likely to hold.
        """
        if max(shape) > LONGEST_AXIS:
            raise InputError(
                Status.WRONG_SHAPE, f"has shape {tuple(shape)}: cut it to at most {LONGEST_AXIS} voxels per axis"
            )
        canonical = _canonical_grid(shape, affine)
        resampled_shape, resampled_affine = canonical.shape, canonical.affine
        extent = np.array(canonical.shape) * voxel_sizes(canonical.affine)
        if resize is not None:
            resampled_shape, voxel_size = tuple(resize), extent / resize
        elif voxel_size is not None:
            # Rounded first, or the noise of a float32 header would decide between two shapes where the length is half.
            resampled_shape = tuple(int(n) for n in np.maximum(1, np.round((extent / voxel_size).round(3))))
            if max(resampled_shape) > LONGEST_AXIS or math.prod(resampled_shape) > LARGEST_VOLUME:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"has voxels of {_by(voxel_sizes(affine))} mm, of which resampling would make "
                    f"{_by(resampled_shape)}: correct its header, or set a larger voxel_size",
                )
        if voxel_size is not None:
            # nibabel's `rescale_affine` rounds both centres to voxels, which moves the grid by up to one voxel.
            axes = canonical.affine[:3, :3] * (voxel_size / voxel_sizes(canonical.affine))
            centre = apply_affine(canonical.affine, (np.array(canonical.shape) - 1) / 2)
            resampled_affine = from_matvec(axes, centre - axes @ ((np.array(resampled_shape) - 1) / 2))
        wanted = resampled_shape if wanted is None else wanted
        offset = tuple((have - want) // 2 for have, want in zip(resampled_shape, wanted, strict=True))
        return cls(tuple(shape), affine, resampled_shape, resampled_affine, offset, tuple(wanted))

    @property
    def affine(self) -> Affine:
        """Map from the network's voxels to millimetres, ``(4, 4)``."""
        shift = np.eye(4)
        shift[:3, 3] = self.offset
        return self.resampled_affine @ shift

    @property
    def resampled(self) -> bool:
        """Whether voxels had to be interpolated."""
        canonical = _canonical_grid(self.original_shape, self.original_affine)
        return canonical.shape != self.resampled_shape or not np.array_equal(canonical.affine, self.resampled_affine)

    def to_resampled(self, data: np.ndarray, order: int) -> np.ndarray:
        """Bring a file's values ``(i, j, k)`` to RAS order and the network's voxel size."""
        canonical = nib.as_closest_canonical(nib.Nifti1Image(data, self.original_affine))
        if self.resampled:
            # "nearest" continues the outermost voxels, whose outer halves can lie beyond the original voxel centres.
            target = (self.resampled_shape, self.resampled_affine)
            canonical = _resample(canonical, target, order)
        return np.asarray(canonical.dataobj, dtype=np.float32)

    def crop(self, data: np.ndarray) -> np.ndarray:
        """Crop the resampled volume to what the network sees; pad it with zeros."""
        inside, outside = self._overlap()
        cropped = np.zeros(self.shape, dtype=data.dtype)
        cropped[inside] = data[outside]
        return cropped

    def to_original(self, values: np.ndarray) -> np.ndarray:
        """Bring a map on the network's grid back to the voxels of the file.

        Parameters
        ----------
        values
            ``(x, y, z)``, of the network's shape.

        Returns
        -------
        ndarray
            ``(i, j, k)``, float32, of the file's shape; 0 where the network did not see anything.
        """
        inside, outside = self._overlap()
        resampled: np.ndarray = np.zeros(self.resampled_shape, dtype=np.float32)
        resampled[outside] = values[inside]
        canonical = _canonical_grid(self.original_shape, self.original_affine)
        if self.resampled:
            image = nib.Nifti1Image(resampled, self.resampled_affine)
            resampled = np.asarray(_resample(image, (canonical.shape, canonical.affine), 1).dataobj)
        back = ornt_transform(axcodes2ornt("RAS"), io_orientation(self.original_affine))
        return np.ascontiguousarray(nib.apply_orientation(resampled, back), dtype=np.float32)

    def _overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Where both overlap: slices of the network's grid, slices of the resampled volume."""
        inside, outside = [], []
        for offset, have, want in zip(self.offset, self.resampled_shape, self.shape, strict=True):
            begin, end = max(offset, 0), min(offset + want, have)
            outside.append(slice(begin, end))
            inside.append(slice(begin - offset, end - offset))
        return tuple(inside), tuple(outside)


def _by(numbers: Iterable[float]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)


def _resample(image: nib.Nifti1Image, grid: tuple[Sequence[int], Affine], order: int) -> nib.Nifti1Image:
    # Imports SciPy, which takes jobs on photographs a fifth of their imports beside torch.
    from nibabel.processing import resample_from_to

    return resample_from_to(image, grid, order=order, mode="nearest")


def _canonical_grid(shape: Sequence[int], affine: Affine) -> nib.Nifti1Image:
    """Shape and affine of a grid in RAS order, as an image that takes no memory."""
    return nib.as_closest_canonical(nib.Nifti1Image(np.broadcast_to(np.int8(0), tuple(shape)), affine))
