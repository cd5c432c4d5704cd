"""Files of every format, read by the code under test: ``python -m tests.helpers.formats_table > docs/formats.md``."""

import gzip
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pillow_heif
import SimpleITK
import tifffile
import zarr
from PIL import Image

from saliency.exceptions import InputError
from saliency.readers.images import Preprocessing, read_image
from saliency.readers.registered import reader_of
from saliency.readers.volumes import load_volume
from tests.readers.formats.test_dicom_images import dicom
from tests.readers.formats.test_dicom_volumes import series

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
GREY = RGB[..., 0]
SCAN = np.random.default_rng(0).uniform(1, 100, (5, 7, 6)).astype(np.float32)
# Datasets are whatever is asked for its items by number.
PICTURES, SCANS = [RGB.transpose(2, 0, 1)], [SCAN]
HEAD = """# Formats

Which reader opens a file follows from `input.mode` and from how its name ends
([config/README.md](../config/README.md) lists all readers). Some need libraries that the core does without; a message
names the extra that brings them, and

    pip install 'nip-saliency[formats]'

brings all: `dicom` (pydicom with its decoders), `hdf5` (h5py), `heif` (pillow-heif), `itk` (SimpleITK) and `tiff`
(tifffile).

A file is never read in part without a word. Values of 8 and 16 bits are scaled to 0 … 1, floating point values stay as
they are; `input.value_range` and `input.window` say otherwise. The files of a sample, and its mask, lie on one grid if
no corner is more than a tenth of a voxel from where it lies in the first file; a smaller difference is logged. A volume
whose file does not say which way its axes run is read with a warning, and figures show neither left nor right.

Files can also lie in S3 or on a web server ([docs/object-storage.md](object-storage.md#data-in-object-storage)).

`python -m tests.helpers.formats_table > docs/formats.md` writes this page from one file of each kind.

| file | mode | reader | what the network sees, or the words with which it is refused |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Format:
    """One row: how a file is made, its name in a manifest, and in words what becomes of it; "" if it is refused."""

    title: str
    name: str
    make: Callable[[Path], Any]
    seen: str = ""
    mode: str = "2D"
    channels: int = 3


def in_pillow(path: Path, **options: Any) -> None:
    Image.fromarray(RGB).save(path, **options)


def nifti(path: Path, codes: int = 1) -> None:
    image = nib.Nifti1Image(SCAN, np.eye(4))
    image.set_sform(np.eye(4), codes)
    image.set_qform(np.eye(4), codes)
    nib.save(image, path)


def itk(path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(SCAN), str(path))


def hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["images"], file["scans"] = RGB[np.newaxis], SCAN[np.newaxis]


def in_zarr(path: Path) -> None:
    group = zarr.create_group(path)
    group.create_array("images", data=RGB[np.newaxis])
    group.create_array("scans", data=SCAN[np.newaxis])


def tar(path: Path, mode: str = "w") -> None:
    in_pillow(path.parent / "in_tar.png")
    with tarfile.open(path, mode) as file:
        file.add(path.parent / "in_tar.png", "a.png")


def tiff(bands: int, **options: Any) -> Callable[[Path], None]:
    values = np.dstack([RGB, RGB])[..., :bands]
    return lambda path: tifffile.imwrite(path, values, planarconfig="contig", **options)


def nothing(path: Path) -> None:
    """Where there is no file."""


def something(path: Path) -> None:
    path.write_bytes(b"something")


def missing_slice(path: Path) -> None:
    series(path, leave_out=[3])


def tilted(path: Path) -> None:
    series(path, shift=0.5)


FORMATS = (
    Format("JPEG", "a.jpg", in_pillow, "its colours, upright"),
    Format("PNG, 8 bits", "a.png", in_pillow, "its colours"),
    Format("PNG, 12 bits in 16", "b.png", lambda p: Image.fromarray(GREY.astype(np.uint16) * 16).save(p),
           "1/65535 of its values, with a warning; `value_range: [0, 4095]` gives all of 0 … 1"),
    Format("PNG with junk for EXIF", "c.png", lambda p: in_pillow(p, exif=b"Exif\0\0junk and more"),
           "the pixels as stored, not turned, with a warning"),
    Format("WebP", "a.webp", in_pillow, "its colours; of an animation the first frame"),
    Format("GIF", "a.gif", in_pillow, "its colours; of an animation the first frame"),
    Format("BMP", "a.bmp", in_pillow, "its colours"),
    Format("HEIC", "a.heic", lambda p: pillow_heif.from_pillow(Image.fromarray(RGB)).save(p), "its colours, upright"),
    Format("TIFF, RGB", "a.tif", tiff(3, photometric="rgb"), "its colours"),
    Format("TIFF, 5 bands, `channels: 5`", "b.tif", tiff(5, photometric="minisblack"), "all bands", channels=5),
    Format("TIFF, 5 bands, `channels: 3`", "c.tif", tiff(5, photometric="minisblack")),
    Format("TIFF, RGB and a fourth band, `channels: 3`", "d.tif",
           tiff(4, photometric="rgb", extrasamples=["unspecified"])),
    Format("NumPy, (h, w, 3)", "a.npy", lambda p: np.save(p, RGB), "as the same picture in PNG"),
    Format("NumPy, shape that does not tell its channels", "b.npy", lambda p: np.save(p, np.zeros((3, 9, 3)))),
    Format("DICOM, one picture", "a.dcm", dicom, "through slope, window and inversion (MONOCHROME1)"),
    Format("DICOM without an ending", "IM0001", dicom, "as DICOM, one picture"),
    Format("DICOM, frame of several", "b.dcm#1", lambda p: dicom(p.with_name("b.dcm"), np.stack([GREY, GREY]), 8),
           "that frame"),
    Format("DICOM, several frames, none named", "c.dcm", lambda p: dicom(p, np.stack([GREY, GREY]), 8)),
    Format("HDF5", "a.h5::/images#0", lambda p: hdf5(p.parent.parent / "a.h5"), "the row, as the same picture in PNG"),
    Format("HDF5, array that is not there", "b.h5::/photos#0", lambda p: hdf5(p.parent.parent / "b.h5")),
    Format("Zarr", "a.zarr::images#0", lambda p: in_zarr(p.with_name("a.zarr")), "the row, as the same picture in PNG"),
    Format("tar", "a.tar::a.png", lambda p: tar(p.with_name("a.tar")), "the picture, as the same file unpacked"),
    Format("tar, compressed", "b.tar::a.png", lambda p: tar(p.with_name("b.tar"), "w:gz")),
    Format("row of your own dataset (key `dataset`)", f"{__name__}:PICTURES.dataset#0", nothing,
           "the tensor (c, h, w), as it is returned"),
    Format("text", "a.txt", something),
    Format("NIfTI", "v.nii.gz", nifti, "its voxels in RAS order", "3D"),
    Format("NIfTI with sform and qform codes 0", "w.nii", lambda p: nifti(p, 0),
           "its voxels, with a warning; figures show neither left nor right", "3D"),
    Format("MGZ", "v.mgz", lambda p: nib.save(nib.MGHImage(SCAN, np.eye(4)), p), "its voxels in RAS order", "3D"),
    Format("Analyze", "v.img", lambda p: nib.save(nib.AnalyzeImage(SCAN, np.diag([-1, 1, 1, 1])), p),
           "its voxels, with a warning; figures show neither left nor right", "3D"),
    Format("NRRD", "v.nrrd", itk, "its voxels in RAS order", "3D"),
    Format("MetaImage", "v.mha", itk, "its voxels in RAS order", "3D"),
    Format("MetaImage with its values in another file", "v.mhd", itk, "its voxels in RAS order", "3D"),
    Format("NumPy with `v.affine.txt` beside it", "v.npy",
           lambda p: (np.save(p, SCAN), np.savetxt(p.with_name("v.affine.txt"), np.eye(4))),
           "its voxels in RAS order", "3D"),
    Format("NumPy alone", "w.npy", lambda p: np.save(p, SCAN),
           "its voxels, 1 mm wide, with a warning; figures show neither left nor right", "3D"),
    Format("DICOM, folder of a series", "series", series, "its slices by position, in RAS order", "3D"),
    Format("DICOM, slice missing", "gap", missing_slice, mode="3D"),
    Format("DICOM, tilted gantry", "tilted", tilted, mode="3D"),
    Format("DICOM, one slice of a series", "series/im0.dcm", lambda p: series(p.parent), mode="3D"),
    Format("HDF5, `affine` as attribute of the array", "c.h5::/scans#0", lambda p: hdf5(p.parent.parent / "c.h5"),
           "the row; without `affine` as NumPy alone", "3D"),
    Format("Zarr, `affine` as attribute of the array", "c.zarr::scans#0", lambda p: in_zarr(p.with_name("c.zarr")),
           "the row; without `affine` as NumPy alone", "3D"),
    Format("row of your own dataset (key `dataset`)", f"{__name__}:SCANS.dataset#0", nothing,
           "the tensor (c, x, y, z) or (x, y, z), as NumPy alone", "3D"),
    Format("MRtrix", "v.mif", something, mode="3D"),
    Format("GIFTI", "v.gii", something, mode="3D"),
    Format("FreeSurfer's surfaces", "lh.pial", something, mode="3D"),
    Format("STL", "v.stl", something, mode="3D"),
    Format("VTK", "v.vtk", something, mode="3D"),
    Format("tracts", "v.trk", something, mode="3D"),
    Format("compressed text", "v.txt.gz", lambda p: p.write_bytes(gzip.compress(b"something")), mode="3D"),
)  # fmt: skip


def row_of(one: Format, folder: Path) -> str:
    """What becomes of a file, as a row of the table.

    Raises
    ------
    AssertionError
        If it is read where it was to be refused, or the other way round.
    """
    path = folder / one.name
    one.make(path)
    said = ""
    try:
        if one.mode == "2D":
            read_image(path, Preprocessing(one.channels, None, None, "bilinear"))
        else:
            load_volume(path).get_fdata()
    except InputError as error:
        said = str(error).replace("|", r"\|")
    assert bool(said) != bool(one.seen), f"{one.title}: {said or 'is read'}"
    reader = reader_of(path, one.mode).name
    return f"| {one.title} | `{one.mode}` | `{reader}` | {f'refused: {said}' if said else one.seen} |"


def document() -> str:
    """The page."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row_of(one, Path(folder)) for one in FORMATS]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(document(), end="")
