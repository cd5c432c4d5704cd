"""Cutting cubes out of volumes, some of which hold a labelled structure and some of which do not."""

import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter

from saliency.exceptions import DataError
from saliency.files.atomic_files import write_atomically

log = logging.getLogger(__name__)


def patch_corner(mask: np.ndarray, size: int, inside: bool, generator: np.random.Generator) -> tuple[int, int, int]:
    """Draw the place of a cube.

    Parameters
    ----------
    mask
        ``(i, j, k)``, bool.
    size
        Voxels along each side of the cube.
    inside
        True for a cube that holds at least half as much of the mask as the cube that holds most; False for none of it.
    generator
        Decides between all cubes that qualify.

    Returns
    -------
    tuple of int
        First voxel of the cube.

    Raises
    ------
    ValueError
        If no cube qualifies.

    Examples
    --------
    >>> mask = np.zeros((4, 2, 2), dtype=bool)
    >>> mask[:2] = True
    >>> patch_corner(mask, 2, True, np.random.default_rng(0))[0] <= 1
    True
    >>> patch_corner(mask, 2, False, np.random.default_rng(0))
    (2, 0, 0)
    """
    if min(mask.shape) < size:
        raise ValueError(f"a volume of shape {mask.shape} holds no cube of {size} voxels")
    # Means of all cubes, of which those that lie within the volume are kept; exact after rounding to voxels.
    counts = np.rint(uniform_filter(mask.astype(np.float64), size, mode="constant") * size**3).astype(int)
    counts = counts[tuple(slice(size // 2, size // 2 + length - size + 1) for length in mask.shape)]
    corners = np.argwhere(2 * counts >= max(counts.max(), 1) if inside else counts == 0)
    if not len(corners):
        raise ValueError(f"no cube of {size} voxels {'holds any' if inside else 'is free'} of the mask")
    i, j, k = (int(value) for value in generator.choice(corners))
    return i, j, k


def _volume(path: Path) -> nib.Nifti1Image:
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Image):
        raise ValueError(f"is a {type(image).__name__}, not a NIfTI volume")
    return image


def cut_patches(samples: pd.DataFrame, volumes: Path, masks: Path, size: int, seed: int, outputs: list[Path]) -> None:
    """Write the patch of every sample, and the same patch of its mask, as NIfTI files in the volume's own space.

    Parameters
    ----------
    samples
        Columns ``id``, ``label`` (1 with the structure, 0 without), and ``volume`` (name of the file in `volumes` and
        in `masks`).
    volumes, masks
        Folders of volumes and of label volumes of the same names.
    size, seed
        Voxels per side, and what decides where patches lie.
    outputs
        Files to write: the patches in the order of the samples, then the patches' masks.

    Raises
    ------
    DataError
        Naming all volumes out of which a patch could not be cut.
    """
    problems = []
    for row, (name, label) in enumerate(zip(samples["volume"], samples["label"], strict=True)):
        try:
            volume, mask = _volume(volumes / name), _volume(masks / name)
            chosen = np.asarray(mask.dataobj) != 0
            corner = patch_corner(chosen, size, label == "1", np.random.default_rng((seed, row)))
        # nibabel's readers raise what they like on broken files.
        except Exception as error:
            problems.append(f"{samples['id'].iloc[row]}: {name}: {error}: remove the row")
            continue
        box = tuple(slice(start, start + size) for start in corner)
        for image, path in ((volume, outputs[row]), (mask, outputs[row + len(samples)])):
            write_atomically(path, image.slicer[box].to_bytes())
    if problems:
        raise DataError("\n".join(problems))
    log.info("%d patches of %d voxels per side", len(samples), size)
