"""Pictures in HDF5, Zarr and tar files have the maps of the same pictures in files of their own, byte by byte."""

import tarfile

import h5py
import numpy as np
import pytest
import zarr
from PIL import Image

from saliency.steps.fused import fused

COUNT = 4


def hdf5(folder, pictures):
    with h5py.File(folder / "all.h5", "w") as file:
        file["images"] = pictures
    return [f"all.h5::/images#{number}" for number in range(COUNT)]


def in_zarr(folder, pictures):
    zarr.create_group(folder / "all.zarr").create_array("images", data=pictures)
    return [f"all.zarr::images#{number}" for number in range(COUNT)]


def tar(folder, pictures):
    with tarfile.open(folder / "all.tar", "w") as file:
        for number in range(COUNT):
            file.add(folder / f"p{number}.png", f"p{number}.png")
    return [f"all.tar::p{number}.png" for number in range(COUNT)]


@pytest.mark.parametrize("pack", [hdf5, in_zarr, tar])
def test_same_bytes_as_single_files(job, tmp_path, pack):
    data = tmp_path / "data"
    pictures = np.random.default_rng(1).integers(0, 256, (COUNT, 40, 52, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(data / f"p{number}.png")
    stores = []
    for name, paths in (("files", [f"p{number}.png" for number in range(COUNT)]), ("packed", pack(data, pictures))):
        rows = [f"s{number},{path},{number}" for number, path in enumerate(paths)]
        (data / f"{name}.csv").write_text("\n".join(["id,path,label", *rows]) + "\n")
        made = job(name, manifest=f"data/{name}.csv", input={"resize": 32, "crop": 24}, shard_size=COUNT)
        fused(made)
        stores.append(made)
    one, other = stores
    assert (one.read("status") == 0).all()
    assert np.abs(one.read("predicted/guided_gradcam")).max() > 0
    for array in one.plan.arrays:
        assert one.files[array].read_bytes() == other.files[array].read_bytes(), array
