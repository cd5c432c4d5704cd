"""Maps of volumes as NIfTI, in the voxels of the original file."""

import gzip
import logging
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from saliency.atomic_files import write_atomically
from saliency.config import input_config
from saliency.inputs import InputError
from saliency.sample_maps import SampleReader
from saliency.samples import preprocessing_of
from saliency.volume_grid import VolumeGrid
from saliency.volumes import load_volume

log = logging.getLogger(__name__)


def export_sample(read: SampleReader, sample: str, outputs: Mapping[str, Path]) -> None:
    """Write a sample's maps as NIfTI on the grid of its original file.

    Parameters
    ----------
    read
        Gives the sample's arrays.
    sample
        Its id.
    outputs
        File for each method. A sample without maps gives files of NaN.
    """
    row = int(np.flatnonzero(read.plan.samples["id"] == sample)[0])
    found = read(row)
    original = next(iter(read.plan.files(read.plan.samples.iloc[[row]], read.model)[0].values()))
    preprocessing = preprocessing_of(input_config(read.plan.config, read.model))
    try:
        grid = preprocessing.grid(load_volume(original))
    except InputError as error:
        log.warning("%s: %s: there is no grid to write on, NaN is written", original, error)
        for method, output in outputs.items():
            save_image(nib.Nifti1Image(found.maps[method][0], np.eye(4)), output)
        return
    for method, output in outputs.items():
        save_map(found.maps[method], grid, original, output)
        log.info("%s", output)


def save_map(values: np.ndarray, grid: VolumeGrid, original: Path, output: Path) -> None:
    """Write a map as NIfTI on the grid of the original file.

    Parameters
    ----------
    values
        ``(c, x, y, z)`` on the network's grid; several channels become the fourth axis.
    grid
        From `VolumePreprocessing.grid`.
    original
        The file that was read; its affine, and a NIfTI header's units and codes, are taken over.
    output
        ``.nii`` or ``.nii.gz``.
    """
    source = nib.load(original)
    channels = [grid.to_original(channel) for channel in values]
    data = channels[0] if len(channels) == 1 else np.stack(channels, axis=-1)
    header = source.header if isinstance(source, nib.Nifti1Pair) else None
    kind = nib.Nifti2Image if isinstance(source, nib.Nifti2Pair | nib.Nifti2Image) else nib.Nifti1Image
    image = kind(data, source.affine, header)
    image.set_data_dtype(np.float32)
    # The file's own display range would show the map as black or white.
    image.header["cal_min"], image.header["cal_max"] = 0, 0
    save_image(image, output)


def save_image(image: nib.Nifti1Image | nib.Nifti2Image, output: Path) -> None:
    """Write an image in one step; equal images give equal bytes."""
    content = image.to_bytes()
    if output.suffix == ".gz":
        # With its time, a file would differ at each writing. Level 1 is nibabel's.
        content = gzip.compress(content, compresslevel=1, mtime=0)
    write_atomically(output, content)
