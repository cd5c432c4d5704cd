"""From a scanner's file to the array that a 3D network sees, and the way back.

The array is in RAS order: the first axis runs to the patient's right, the second to the front, the third upwards. What
happened on the way is kept as a `VolumeGrid`, which brings a map back to the voxels of the original file.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, from_matvec, voxel_sizes
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from nibabel.processing import resample_from_to
from nibabel.spatialimages import SpatialImage

from saliency.inputs import REPLACE, InputError, Status, check_file, words_of

SPLINE_ORDER = {"nearest": 0, "linear": 1, "cubic": 3}
# Voxels of a resampled volume, 4 GiB; a header with metres for millimetres would ask for a billion times as many.
LARGEST_VOLUME = 2**30
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

    original_shape: tuple[int, int, int]
    original_affine: Affine
    resampled_shape: tuple[int, int, int]
    resampled_affine: Affine
    offset: tuple[int, int, int]
    shape: tuple[int, int, int]

    @classmethod
    def of(
        cls, shape: Sequence[int], affine: Affine, voxel_size: Sequence[float] | None, wanted: Sequence[int]
    ) -> "VolumeGrid":
        """Lay the network's grid into a file's grid, centre on centre.

        Parameters
        ----------
        shape, affine
            Of the file.
        voxel_size
            In mm along the RAS axes, or None to keep the file's.
        wanted
            Shape that the network sees.

        Raises
        ------
        InputError
            If resampling would give more voxels than memory is likely to hold.
        """
        canonical = _canonical_grid(shape, affine)
        resampled_shape, resampled_affine = canonical.shape, canonical.affine
        if voxel_size is not None:
            extent = np.array(canonical.shape) * voxel_sizes(canonical.affine)
            # Rounded first, or the noise of a float32 header would decide between two shapes where the length is half.
            resampled_shape = tuple(int(n) for n in np.maximum(1, np.round((extent / voxel_size).round(3))))
            if math.prod(resampled_shape) > LARGEST_VOLUME:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"has voxels of {_by(voxel_sizes(affine))} mm, of which resampling would make "
                    f"{_by(resampled_shape)}: correct its header, or set a larger voxel_size",
                )
            # nibabel's `rescale_affine` rounds both centres to voxels, which moves the grid by up to one voxel.
            axes = canonical.affine[:3, :3] * (voxel_size / voxel_sizes(canonical.affine))
            centre = apply_affine(canonical.affine, (np.array(canonical.shape) - 1) / 2)
            resampled_affine = from_matvec(axes, centre - axes @ ((np.array(resampled_shape) - 1) / 2))
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
            canonical = resample_from_to(canonical, target, order=order, mode="nearest")
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
        resampled = np.zeros(self.resampled_shape, dtype=np.float32)
        resampled[outside] = values[inside]
        canonical = _canonical_grid(self.original_shape, self.original_affine)
        if self.resampled:
            image = nib.Nifti1Image(resampled, self.resampled_affine)
            resampled = resample_from_to(image, (canonical.shape, canonical.affine), order=1, mode="nearest").dataobj
        back = ornt_transform(axcodes2ornt("RAS"), io_orientation(self.original_affine))
        return np.ascontiguousarray(nib.apply_orientation(np.asarray(resampled), back), dtype=np.float32)

    def _overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Where both overlap: slices of the network's grid, slices of the resampled volume."""
        inside, outside = [], []
        for offset, have, want in zip(self.offset, self.resampled_shape, self.shape, strict=True):
            begin, end = max(offset, 0), min(offset + want, have)
            outside.append(slice(begin, end))
            inside.append(slice(begin - offset, end - offset))
        return tuple(inside), tuple(outside)


@dataclass(frozen=True)
class VolumePreprocessing:
    """How volumes are brought to the network's input; keys as in the config's ``input`` for ``mode: 3D``.

    Attributes
    ----------
    channels
        Number of channels in the one file of a sample, or the names of channels that have files of their own
        (columns ``path_NAME``).
    voxel_size
        In mm: one number, three along the RAS axes, or None to keep each file's.
    crop
        Shape that the network sees: one number or three; larger volumes are cropped and smaller ones padded.
    interpolation
        "nearest", "linear" or "cubic".
    intensity
        "zscore", "percentile" (clipped to `percentiles` and scaled to 0 … 1), "minmax" (to 0 … 1) or "none".
    intensity_over
        Voxels whose statistics count: "nonzero", "all", or "mask" (column ``mask``). With "nonzero" and "mask" the
        other voxels become 0.
    percentiles
        Two numbers between 0 and 100.
    """

    channels: int | Sequence[str]
    voxel_size: float | Sequence[float] | None
    crop: int | Sequence[int]
    interpolation: str
    intensity: str
    intensity_over: str
    percentiles: Sequence[float]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a prepared sample, ``(c, x, y, z)``."""
        count = self.channels if isinstance(self.channels, int) else len(self.channels)
        return count, *([self.crop] * 3 if isinstance(self.crop, int) else self.crop)

    def grid(self, image: SpatialImage) -> VolumeGrid:
        """Where the network's voxels lie in a file."""
        size = [self.voxel_size] * 3 if isinstance(self.voxel_size, int | float) else self.voxel_size
        return VolumeGrid.of(image.shape[:3], image.affine, size, self.shape[1:])

    def read(self, files: Mapping[str, Path]) -> tuple[np.ndarray, Affine]:
        """Read a sample.

        Parameters
        ----------
        files
            By manifest column: ``path``, or ``path_NAME`` for each channel; and ``mask`` if it is needed.

        Returns
        -------
        values
            ``(c, x, y, z)``, float32.
        affine
            ``(4, 4)``: from these voxels to millimetres.

        Raises
        ------
        InputError
            If a file is missing or no usable volume, or the files of a sample do not lie on one grid.
        """
        images = {}
        for column, path in files.items():
            with _naming(column, files):
                images[column] = load_volume(path)
        first = next(iter(images.values()))
        grid = self.grid(first)
        mask, channels = images.pop("mask", None), []
        for column, image in images.items():
            with _naming(column, files):
                channels += _channels(image, self.channels)
                _check_same_grid(image, first)
        chosen = None
        if mask is not None:
            with _naming("mask", files):
                _check_same_grid(mask, first)
                chosen = grid.to_resampled(_channels(mask, 1)[0], order=0) > 0.5
        values = []
        for channel in channels:
            resampled = grid.to_resampled(channel, SPLINE_ORDER[self.interpolation])
            values.append(grid.crop(self._scaled(resampled, chosen)))
        return np.stack(values), grid.affine

    def _scaled(self, values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        if self.intensity == "none":
            return values
        if self.intensity_over == "nonzero":
            mask = values != 0
        counted = values if mask is None else values[mask]
        if counted.size == 0 or counted.min() == counted.max():
            raise InputError(
                Status.EMPTY,
                f"has no two different values among the voxels that count ({self.intensity_over}): remove the row, "
                "or set intensity_over",
            )
        match self.intensity:
            case "zscore":
                low, span = counted.mean(dtype=np.float64), counted.std(dtype=np.float64)
            case "minmax":
                low, span = float(counted.min()), float(counted.max()) - float(counted.min())
            case _:
                low, high = np.percentile(counted, self.percentiles)
                values, span = values.clip(low, high), high - low
                if span == 0:
                    raise InputError(Status.EMPTY, f"has equal {self.percentiles} percentiles: set wider ones")
        scaled = ((values - low) / span).astype(np.float32)
        return scaled if mask is None else np.where(mask, scaled, np.float32(0))


@contextmanager
def _naming(column: str, files: Mapping[str, Path]) -> Iterator[None]:
    """Say which file of a sample is meant, where there are several."""
    try:
        yield
    except InputError as error:
        if len(files) > 1:
            raise InputError(error.status, f"'{column}' {error}") from error.__cause__
        raise


def _by(numbers: Iterable[float]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)


def _canonical_grid(shape: Sequence[int], affine: Affine) -> nib.Nifti1Image:
    """Shape and affine of a grid in RAS order, as an image that takes no memory."""
    return nib.as_closest_canonical(nib.Nifti1Image(np.broadcast_to(np.int8(0), tuple(shape)), affine))


def load_volume(path: Path) -> SpatialImage:
    """Open a file with nibabel and check that it is a usable volume; its values are not read yet.

    Raises
    ------
    InputError
        If it is missing, cannot be read, or holds RGB or complex values.
    """
    check_file(path)
    try:
        image = nib.load(path)
    # nibabel's readers raise what they like on broken headers.
    except Exception as error:
        raise InputError(
            Status.UNREADABLE, f"cannot be read as a volume ({words_of(error, path)}): {REPLACE}"
        ) from error
    if not isinstance(image, SpatialImage):
        raise InputError(Status.UNSUPPORTED, f"is a {type(image).__name__}, not a volume: convert it to NIfTI")
    kind = np.dtype(image.get_data_dtype())
    if kind.names is not None or kind.kind == "c":
        what = "RGB" if kind.names is not None else "complex"
        raise InputError(Status.UNSUPPORTED, f"holds {what} values: convert it to a greyscale volume")
    if image.ndim < 3 or min(image.shape) < 1:
        raise InputError(Status.WRONG_SHAPE, f"has shape {image.shape}, which is no volume: remove the row")
    affine = image.affine
    if affine is None or not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise InputError(Status.UNSUPPORTED, "has an affine that maps no volume to millimetres: repair its header")
    return image


def _values(image: SpatialImage) -> np.ndarray:
    try:
        # What float32 cannot hold becomes infinite, which is refused below.
        with np.errstate(over="ignore"):
            values = image.get_fdata(dtype=np.float32, caching="unchanged")
    # Truncated data and broken compression surface here, as whatever the reader raises.
    except Exception as error:
        words = words_of(error, Path(image.get_filename()))
        raise InputError(Status.UNREADABLE, f"cannot be decoded ({words}): {REPLACE}") from error
    if not np.isfinite(values).all():
        raise InputError(Status.NOT_FINITE, "holds NaN or infinite values: replace them, or remove the row")
    return values


def _channels(image: SpatialImage, channels: int | Sequence[str]) -> list[np.ndarray]:
    """Channels ``(i, j, k)`` of one file: one, or the fourth axis where the file has to hold several."""
    wanted = channels if isinstance(channels, int) else 1
    values = _values(image)
    values = values.reshape(*values.shape[:3], -1)
    if values.shape[3] != wanted:
        raise InputError(
            Status.WRONG_SHAPE,
            f"has shape {image.shape}, that is {values.shape[3]} instead of {wanted} per file: set input.channels, "
            "or split the file",
        )
    return [values[..., number] for number in range(wanted)]


def _check_same_grid(image: SpatialImage, first: SpatialImage) -> None:
    if image.shape[:3] == first.shape[:3]:
        if np.allclose(image.affine, first.affine, atol=1e-3):
            return
        difference = "same shape, but another affine"
    else:
        difference = f"shape {image.shape[:3]} instead of {first.shape[:3]}"
    raise InputError(
        Status.WRONG_SHAPE,
        f"lies on another grid than the first file ({difference}): register and resample the files of a sample to one "
        "grid",
    )
