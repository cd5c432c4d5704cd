"""Samples in files that hold many: HDF5, Zarr and tar read as the same pictures and volumes in files of their own."""

import tarfile
import time
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
import zarr
from PIL import Image

from saliency.exceptions import InputError, Status
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.readers import containers
from saliency.readers.images import Preprocessing, read_image
from saliency.readers.registered import reader_of
from saliency.readers.volumes import load_volume, sides_known
from saliency.steps.export import save_map
from tests.readers.test_volumes import preprocessing, scanner

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (5, 12, 17, 3), dtype=np.uint8)
SCANS = RNG.uniform(1, 100, (3, 5, 7, 6)).astype(np.float32)
AFFINES = np.stack([scanner(0.9, 1.1, 2.5, turned=angle) for angle in (0, 10, 20)])
READ = Preprocessing(3, 9, [8, 8], "bicubic")


@pytest.fixture
def folder(tmp_path):
    """The pictures as PNG, and in each kind of container."""
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["train/images"] = PICTURES
        file["scans"] = SCANS
        file["scans"].attrs["affine"] = AFFINES
        file["one"] = SCANS[0]
        file["one"].attrs["affine"] = AFFINES[1]
    group = zarr.create_group(tmp_path / "p.zarr")
    group.create_array("train/images", data=PICTURES)
    group.create_array("scans", data=SCANS).attrs["affine"] = AFFINES.tolist()
    zarr.create_array(tmp_path / "array.zarr", data=PICTURES)
    with tarfile.open(tmp_path / "p.tar", "w") as tar:
        for number, pixels in enumerate(PICTURES):
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            tar.add(tmp_path / f"{number}.png", f"./a/{number}.png")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["p.h5::/train/images#{}", "p.h5::train/images#{}", "p.zarr::train/images#{}", "array.zarr#{}", "p.tar::a/{}.png"],
)
def test_pictures_are_byte_by_byte_those_of_files(folder, name):
    for number in range(len(PICTURES)):
        found = read_image(folder / name.format(number), READ)
        assert found.tobytes() == read_image(folder / f"{number}.png", READ).tobytes()


@pytest.mark.parametrize("name", ["p.h5::/scans#{}", "p.zarr::scans#{}"])
def test_volumes_are_those_of_files(folder, name):
    for number, values in enumerate(SCANS):
        nib.save(nib.Nifti1Image(values, AFFINES[number]), folder / "v.nii")
        found, expected = (preprocessing(4).read({"path": folder / file}) for file in (name.format(number), "v.nii"))
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
        assert sides_known(folder / name.format(number))


def test_a_whole_array_is_a_sample_and_without_an_affine_sides_are_not_known(folder):
    found = load_volume(folder / "p.h5::one")
    np.testing.assert_array_equal(found.get_fdata(), SCANS[0])
    np.testing.assert_allclose(found.affine, AFFINES[1])
    with h5py.File(folder / "n.h5", "w") as file:
        file["scans"] = SCANS
    assert not sides_known(folder / "n.h5::scans#0")


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        (
            "p.h5::/imagse#0",
            Status.MISSING,
            r"no array '/imagse', but /one, /scans, /train/images: write p.h5::ARRAY#ROW",
        ),
        ("p.zarr::imagse#0", Status.MISSING, r"no array 'imagse', but scans, train/images: write p.zarr::ARRAY#ROW"),
        ("p.h5::train#0", Status.MISSING, "no array 'train'"),
        ("p.zarr::train#0", Status.MISSING, "no array 'train'"),
        ("p.h5::train/images#5", Status.MISSING, "has 5 rows in 'train/images', none of number 5: count from 0"),
        ("array.zarr#7", Status.MISSING, "has 5 rows in '', none of number 7"),
        ("p.h5::train/images", Status.WRONG_SHAPE, r"has shape \(5, 12, 17, 3\), which is no image"),
        ("p.tar::b.png", Status.MISSING, "has no file 'b.png', but a/0.png, a/1.png, a/2.png"),
        ("absent.h5::images#0", Status.MISSING, "there is no such file"),
        ("absent.zarr::images#0", Status.MISSING, "there is no such folder"),
    ],
)
def test_what_is_not_there_is_named(folder, name, status, words):
    with pytest.raises(InputError, match=words) as caught:
        read_image(folder / name, READ)
    assert caught.value.status == status


def test_broken_and_compressed_containers(folder):
    (folder / "text.h5").write_text("text")
    with pytest.raises(InputError, match="cannot be decoded"):
        read_image(folder / "text.h5::images#0", READ)
    with tarfile.open(folder / "z.tar", "w:gz") as tar:
        tar.add(folder / "0.png", "0.png")
    for name in ("z.tar", "z.tar.gz", "Z.TGZ"):
        (folder / name).write_bytes((folder / "z.tar").read_bytes())
        with pytest.raises(InputError, match=r"is a compressed tar file, .* with gunzip, and name"):
            read_image(folder / f"{name}::0.png", READ)
    for name, tool in {"z.tar.zst": "unzstd", "z.tar.xz": "unxz", "z.tbz2": "bunzip2"}.items():
        (folder / name).write_bytes(b"something")
        with pytest.raises(InputError, match=f"undo the compression with {tool}, and name"):
            read_image(folder / f"{name}::0.png", READ)
    (folder / "n.tar").write_bytes(b"something")
    with pytest.raises(InputError, match=r"is no tar file \(.*\): replace it, or correct the path"):
        read_image(folder / "n.tar::0.png", READ)


def test_a_file_is_opened_once(folder, monkeypatch):
    opened = []
    real = h5py.File

    def counted(path, *arguments, **options):
        opened.append(path)
        return real(path, *arguments, **options)

    containers._opened.cache_clear()
    monkeypatch.setattr(h5py, "File", counted)
    for number in range(5):
        read_image(folder / f"p.h5::train/images#{number}", READ)
    assert len(opened) == 1
    # A file that was written anew is opened anew.
    (folder / "p.h5").write_bytes((folder / "p.h5").read_bytes() + b"\0")
    read_image(folder / "p.h5::train/images#0", READ)
    assert len(opened) == 2


@pytest.mark.parametrize("name", ["data#3/p.png", "a#3", "a::b.png"])
def test_names_of_plain_files_may_hold_these_signs(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(PICTURES[0]).save(path, "PNG")
    assert reader_of(path, "2D").exists(path)
    read_image(path, READ)


def experiment(folder, rows, **changes):
    Path("m.csv").write_text("id,path\n" + "".join(f"s{number},{name}\n" for number, name in enumerate(rows)))
    config = {"experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "torch.nn:Linear"}}, **changes}
    completed, problems = complete_config(config)
    assert problems == []
    return Plan(completed)


@pytest.mark.parametrize("name", ["p.h5::/train/images#{}", "p.zarr::train/images#{}", "p.tar::a/{}.png"])
def test_rows_and_files_decide_what_is_made_again(folder, monkeypatch, name):
    monkeypatch.chdir(folder)

    def prepared(*numbers):
        return Digests(experiment(folder, [name.format(number) for number in numbers])).of("prepare", "net", 0)

    before = prepared(0, 1)
    assert prepared(0, 1) == before != prepared(0, 2)
    file = folder / name.partition("::")[0]
    changed = file / "other" if file.is_dir() else file
    changed.write_bytes((changed.read_bytes() if changed.exists() else b"") + b"\0")
    assert prepared(0, 1) != before


@pytest.mark.parametrize("name", ["p.h5::/train/images#{}", "p.zarr::train/images#{}"])
def test_many_rows_are_planned_in_seconds(folder, monkeypatch, name):
    """100,000 take under 10 s on two cores; a tenth of them here."""
    monkeypatch.chdir(folder)
    began = time.process_time()
    plan = experiment(folder, [name.format(number) for number in range(10_000)])
    digests = Digests(plan)
    assert len({digests.of("prepare", "net", shard) for shard in plan.shards}) == len(plan.shards)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["bare.npy", "bare.h5::scans#1", "bare.zarr::scans#1"])
def test_volume_without_an_affine_is_seen_as_it_is_stored(tmp_path, name):
    np.save(tmp_path / "bare.npy", SCANS[1])
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file["scans"] = SCANS
    zarr.create_group(tmp_path / "bare.zarr").create_array("scans", data=SCANS)
    values, affine = preprocessing([5, 7, 6]).read({"path": tmp_path / name})
    np.testing.assert_array_equal(values[0], SCANS[1])
    np.testing.assert_array_equal(affine, np.eye(4))
    assert not sides_known(tmp_path / name)
    # Its maps lie on the array, and say as little of directions.
    source = load_volume(tmp_path / name)
    save_map(values, preprocessing([5, 7, 6]).grid(source), source, tmp_path / "map.nii")
    exported = nib.load(tmp_path / "map.nii")
    np.testing.assert_array_equal(exported.get_fdata(), SCANS[1])
    assert [int(exported.header[code]) for code in ("sform_code", "qform_code")] == [0, 0]
