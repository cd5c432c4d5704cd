"""Readers of NumPy's files, as somebody who adds a format would write them."""

from pathlib import Path

import nibabel as nib
import numpy as np

from saliency.readers import registered
from saliency.readers.reader import ImageReader, VolumeReader

AFFINE = np.array([[-2.0, 0, 0, 5], [0, 0, 1.5, -3], [0, 1, 0, 2], [0, 0, 0, 1]])


class ArrayImages(ImageReader):
    name = "array"
    title = "NumPy's files"
    suffixes = (".npy",)
    version = 1

    def open(self, path):
        return np.load(path)


class ArrayVolumes(VolumeReader):
    name = "array_volumes"
    title = "NumPy's files"
    suffixes = (".npy", ".volume.npy")
    version = 1

    def open(self, path):
        return nib.Nifti1Image(np.load(path), AFFINE)


class SliceFolders(VolumeReader):
    """Each slice is a file, as in a folder of DICOM."""

    name = "slices"
    title = "folders of slices"
    folders = True
    version = 1

    def open(self, path):
        slices = [np.load(file) for file in sorted(Path(path).iterdir())]
        return nib.Nifti1Image(np.stack(slices, axis=-1), AFFINE)


def register(monkeypatch, *added):
    """Let these readers stand beside those that there are, or replace those of their files, until the test ends."""

    def replaced(reader):
        return any(
            (reader.mode, reader.folders) == (other.mode, other.folders)
            and (set(reader.suffixes) & set(other.suffixes) or (reader.folders and not other.suffixes))
            for other in added
        )

    there = {name: reader for name, reader in registered.readers().items() if not replaced(reader)}
    found = {**there, **{reader.name: reader for reader in added}}
    monkeypatch.setattr(registered, "readers", lambda: found)
    registered._claims.cache_clear()


def forget():
    """Forget what `register` added."""
    registered._claims.cache_clear()
