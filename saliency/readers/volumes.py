"""From a scanner's file to the array that a 3D network sees."""

import logging
import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import io_orientation
from nibabel.spatialimages import SpatialImage

from saliency.exceptions import InputError, Status
from saliency.readers.background import background_caution
from saliency.readers.files import REPLACE, words_of
from saliency.readers.masks import chosen_labels, whole_labels
from saliency.readers.orientation import GUESSED, orientation_known
from saliency.readers.registered import reader_of
from saliency.readers.remote import opened_on_disk
from saliency.readers.same_grid import check_same_grid
from saliency.readers.transforms import transformed
from saliency.readers.volume_grid import Affine, VolumeGrid

log = logging.getLogger(__name__)

SPLINE_ORDER = {"nearest": 0, "linear": 1, "cubic": 3}
# Of gzip, at best.
DEFLATE_RATIO = 1032
# Voxel size in mm, below which affines cannot be computed with.
SMALLEST = 1e-9


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
        Shape that the network sees: one number or three; larger volumes are cropped and smaller ones padded. None for
        `resize`.
    interpolation
        "nearest", "linear" or "cubic".
    intensity
        "zscore", "percentile" (clipped to `percentiles` and scaled to 0 … 1), "minmax" (to 0 … 1), "window" (clipped to
        `window` and scaled to 0 … 1) or "none".
    intensity_over
        Voxels whose statistics count: "nonzero", "all", or "mask" (column ``mask``). With "nonzero" and "mask" the
        other voxels become 0.
    percentiles
        Two numbers between 0 and 100.
    window
        Two numbers of a file.
    resize
        Shape to which all of a volume is resampled, one number or three, in place of `voxel_size`; None without.
    mask_values
        Values of a mask's voxels that belong to it; None for all but 0.
    transform
        ``package.module:callable``, from the channels ``(c, i, j, k)`` of a file to as many voxels.
    """

    channels: int | Sequence[str]
    voxel_size: float | Sequence[float] | None
    crop: int | Sequence[int] | None
    interpolation: str
    intensity: str
    intensity_over: str
    percentiles: Sequence[float]
    mask_values: Sequence[int] | None = None
    transform: str | None = None
    window: Sequence[float] | None = None
    resize: int | Sequence[int] | None = None

    def grid(self, image: SpatialImage) -> VolumeGrid:
        """Where the network's voxels lie in a file."""
        size = [self.voxel_size] * 3 if isinstance(self.voxel_size, int | float) else self.voxel_size
        crop, resize = ([wanted] * 3 if isinstance(wanted, int) else wanted for wanted in (self.crop, self.resize))
        return VolumeGrid.of(image.shape[:3], image.affine, size, crop, resize)

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
            if column != "mask":
                with _naming(column, files):
                    images[column] = load_volume(path)
        first, channels = next(iter(images.values())), []
        if not orientation_known(first):
            log.warning("%s: %s", next(iter(files.values())), GUESSED)
        grid = self.grid(first)
        for column, image in images.items():
            with _naming(column, files):
                found = _channels(image, self.channels)
                if self.transform:
                    found = list(transformed(np.stack(found), self.transform, same_shape=True))
                check_same_grid(image, first, files[column])
                self._check_background(found, files[column])
                channels += found
        chosen = self._resampled_mask(files, first) if self.intensity_over == "mask" else None
        values = []
        for channel in channels:
            resampled = grid.to_resampled(channel, SPLINE_ORDER[self.interpolation])
            values.append(grid.crop(self._scaled(resampled, chosen)))
        return np.stack(values), grid.affine

    def read_mask(self, files: Mapping[str, Path]) -> np.ndarray:
        """Read a sample's ``mask`` on the network's grid.

        Returns
        -------
        ndarray
            ``(x, y, z)``, bool; False where the volume was padded.

        Raises
        ------
        InputError
            If the mask cannot be read, or does not lie on the grid of the sample's first file.
        """
        first = load_volume(next(path for column, path in files.items() if column != "mask"))
        return self.grid(first).crop(self._resampled_mask(files, first))

    def _resampled_mask(self, files: Mapping[str, Path], first: SpatialImage) -> np.ndarray:
        with _naming("mask", files):
            mask = load_volume(files["mask"])
            check_same_grid(mask, first, files["mask"])
            # Of values that a reader holds already, there is none.
            slope = getattr(mask.dataobj, "slope", 1.0)
            step = abs(float(slope)) if np.ndim(slope) == 0 and slope != 1 else 0.0
            labels = whole_labels(_channels(mask, 1)[0], self.mask_values, step)
            return chosen_labels(self.grid(first).to_resampled(labels, order=0), self.mask_values)

    def _check_background(self, channels: Sequence[np.ndarray], path: Path) -> None:
        if self.intensity in ("none", "window") or self.intensity_over != "nonzero":
            return
        for values in channels:
            if caution := background_caution(values):
                log.warning("%s: %s", path, caution)

    def _scaled(self, values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        if self.intensity == "none":
            return values
        if self.intensity == "window" and self.window:
            low, high = self.window
            scaled = ((values.clip(low, high) - low) / (high - low)).astype(np.float32)
            return scaled if mask is None else np.where(mask, scaled, np.float32(0))
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
            raise InputError(error.status, f"{column}: {error}") from error.__cause__
        raise


def load_volume(path: Path) -> SpatialImage:
    """Open a file and check that it is a usable volume; its values need not be read yet.

    Raises
    ------
    InputError
        If it is missing, cannot be read, or holds RGB or complex values.
    DataError
        If it lies in a store, and cannot be fetched.
    """
    reader = reader_of(path, "3D")
    with ExitStack() as stack:
        file = stack.enter_context(opened_on_disk(path, reader))
        try:
            image = reader.open(file)
        except InputError:
            raise
        # Readers raise what they like on broken headers.
        except Exception as error:
            raise InputError(
                Status.UNREADABLE, f"cannot be read as a volume ({words_of(error, file)}): {REPLACE}"
            ) from error
        # Its values are read from the file when they are asked for.
        weakref.finalize(image, stack.pop_all().close)
    kind = np.dtype(image.get_data_dtype())
    if kind.names is not None or kind.kind == "c":
        what = "RGB" if kind.names is not None else "complex"
        raise InputError(Status.UNSUPPORTED, f"holds {what} values: convert it to a greyscale volume")
    if image.ndim < 3 or min(image.shape) < 1:
        raise InputError(Status.WRONG_SHAPE, f"has shape {image.shape}, which is no volume: remove the row")
    if image.affine is None or not _invertible(image.affine):
        raise InputError(Status.UNSUPPORTED, "has an affine that maps no volume to millimetres: repair its header")
    _check_size(image, kind)
    return image


def sides_known(path: Path) -> bool:
    """Whether left and right of a volume come from its file; of one that cannot be read, nothing is said."""
    try:
        return orientation_known(load_volume(path))
    except InputError:
        return True


def _invertible(affine: Affine) -> bool:
    # Where sides overflow when they are squared, axes have full rank and yet no orientation.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(
            np.isfinite(affine).all()
            and np.linalg.matrix_rank(affine[:3, :3]) == 3
            and voxel_sizes(affine).min() >= SMALLEST
            and np.isfinite(io_orientation(affine)).all()
        )


def _check_size(image: SpatialImage, kind: np.dtype) -> None:
    """Refuse a header that claims more than the file can hold, before memory is taken for it."""
    if not isinstance(image, nib.AnalyzeImage | nib.MGHImage):
        return
    name = image.file_map["image"].filename
    if name is None:  # made by a reader, of values that it holds already
        return
    file = Path(name)
    ratio = {".gz": DEFLATE_RATIO, ".mgz": DEFLATE_RATIO, ".nii": 1, ".img": 1, ".mgh": 1}.get(file.suffix.lower())
    size, found = math.prod(image.shape) * kind.itemsize, file.stat().st_size
    if ratio and size > ratio * found:
        what = f"has shape {image.shape}, that is {size:,} bytes, in a file of {found:,}"
        raise InputError(Status.UNREADABLE, f"{what}: {REPLACE}")


def _values(image: SpatialImage) -> np.ndarray:
    try:
        # What float32 cannot hold becomes infinite, which is refused below.
        with np.errstate(over="ignore"):
            values = image.get_fdata(dtype=np.float32, caching="unchanged")
    # Truncated data and broken compression surface here, as whatever the reader raises.
    except Exception as error:
        name = image.get_filename()
        words = words_of(error, Path(name) if name else None)
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
