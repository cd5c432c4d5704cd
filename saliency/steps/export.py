"""Maps of volumes as NIfTI, in the voxels of the original file."""

import gzip
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage

from saliency.exceptions import InputError
from saliency.experiment.config import Config, input_config
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.readers.orientation import orientation_known
from saliency.readers.samples import preprocessing_of
from saliency.readers.volume_grid import VolumeGrid
from saliency.readers.volumes import VolumePreprocessing, load_volume
from saliency.store.sample_maps import SampleReader

log = logging.getLogger(__name__)


def export_sample(
    config: Config,
    model: str,
    target: str,
    sample: str,
    files: Mapping[str, Sequence[str | Path]],
    descriptions: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
) -> None:
    """Write a sample's maps as NIfTI on the grid of its original file.

    Parameters
    ----------
    config, model, target
        The completed config, and names.
    sample
        Name of its files, `saliency.files.file_names.file_name` of its id.
    files
        By array of the store: its file of the shard that holds the sample.
    descriptions
        The model's JSON descriptions.
    outputs
        File for each method. A sample without maps gives files of NaN.
    """
    plan = Plan(config)
    row = plan.columns["id"].index(plan.sample_of_file[sample])
    read = SampleReader(plan, model, target, files, [row // plan.shard_size], descriptions)
    found = read(row)
    original = next(iter(plan.files(plan.samples.iloc[[row]], model)[0].values()))
    preprocessing = preprocessing_of(input_config(config, model))
    if not isinstance(preprocessing, VolumePreprocessing):
        raise ValueError("export: is for volumes (input.mode 3D)")
    try:
        source = load_volume(original)
        grid = preprocessing.grid(source)
    except InputError as error:
        log.warning("%s: %s: its grid cannot be read, so its maps are written as NaN", original, error)
        for name, output in outputs.items():
            save_image(nib.Nifti1Image(found.maps[name][0], np.eye(4)), Path(output))
        return
    for name, output in outputs.items():
        save_map(found.maps[name], grid, source, Path(output))
        log.info("%s", output)


def save_map(values: np.ndarray, grid: VolumeGrid, source: SpatialImage, output: Path) -> None:
    """Write a map as NIfTI on the grid of the original file.

    Parameters
    ----------
    values
        ``(c, x, y, z)`` on the network's grid; several channels become the fourth axis.
    grid
        From `VolumePreprocessing.grid`.
    source
        The original volume; its affine, and a NIfTI header's units and codes, are taken over.
    output
        ``.nii`` or ``.nii.gz``.
    """
    channels = [grid.to_original(channel) for channel in values]
    data = channels[0] if len(channels) == 1 else np.stack(channels, axis=-1)
    header = source.header if isinstance(source, nib.Nifti1Pair) else None
    wide = isinstance(source, nib.Nifti2Pair | nib.Nifti2Image)
    kind: type[nib.Nifti1Image] = nib.Nifti2Image if wide else nib.Nifti1Image
    image = kind(data, source.affine, header)
    if not orientation_known(source):
        # A code would say that the directions are known.
        image.set_sform(None, code=0)
        image.set_qform(None, code=0)
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
