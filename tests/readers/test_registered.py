"""Which reader opens a file, and what makes two of them contradict each other."""

import os
from pathlib import Path

import numpy as np
import pytest

from saliency.exceptions import InputError, Status
from saliency.readers.registered import reader_of, readers
from tests.helpers.toy_readers import ArrayImages, ArrayVolumes, SliceFolders, forget, register


@pytest.fixture(autouse=True)
def _forget():
    yield
    forget()


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a", ".a", "a.", "a.xyz", "a.nii.gz", "a.b.c", "a#1", "a#b.png"])
def test_without_others_the_modes_default_opens_everything(name):
    assert reader_of(Path(name), "2D").name == "pillow"
    assert reader_of(Path(name), "3D").name == "nibabel"


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("a.npy", "2D", "array"),
        ("folder.npy/A.NPY", "2D", "array"),
        ("a.tar.npy", "2D", "array"),
        ("a.npy.gz", "2D", "pillow"),
        ("folder.npy/a.png", "2D", "pillow"),
        ("npy", "2D", "pillow"),
    ],
)
def test_suffix_is_claimed_in_one_mode(monkeypatch, name, mode, expected):
    register(monkeypatch, ArrayImages())
    assert reader_of(Path(name), mode).name == expected


def test_longest_ending_decides(monkeypatch):
    class Segmentations(ArrayVolumes):
        name = "segmentations"
        suffixes = (".seg.npy",)

    register(monkeypatch, ArrayVolumes(), Segmentations())
    assert [reader_of(Path(name), "3D").name for name in ("a.npy", "a.seg.npy", "a.b.seg.npy", "seg.npy")] == [
        "array_volumes",
        "segmentations",
        "segmentations",
        "array_volumes",
    ]


def reader_with(base, **attributes):
    return type("Changed", (base,), {"name": "changed", **attributes})()


@pytest.mark.parametrize(
    ("added", "mode", "message"),
    [
        ([ArrayImages(), reader_with(ArrayImages)], "2D", "'array' and 'changed' both claim .npy in mode 2D"),
        ([reader_with(ArrayImages, suffixes=())], "2D", "'pillow' and 'changed' both claim all other files in mode 2D"),
        (
            [SliceFolders(), reader_with(SliceFolders)],
            "3D",
            "'slices' and 'changed' both claim all other folders in mode 3D",
        ),
        ([reader_with(ArrayImages, suffixes=(".NPY",))], "2D", "write suffix '.NPY' in lower case"),
        ([reader_with(ArrayImages, suffixes=("npy",))], "2D", "write suffix 'npy' in lower case and with a dot"),
        ([], "4D", "no reader claims all other files in mode 4D"),
    ],
)
def test_contradictions_raise(monkeypatch, added, mode, message):
    register(monkeypatch, *added)
    with pytest.raises(ValueError, match=message):
        reader_of(Path("a.png"), mode)


def test_one_suffix_in_two_modes_is_no_contradiction(monkeypatch):
    register(monkeypatch, ArrayImages(), ArrayVolumes())
    assert [reader_of(Path("a.npy"), mode).name for mode in ("2D", "3D")] == ["array", "array_volumes"]


def test_every_reader_says_what_it_is():
    for name, reader in readers().items():
        assert reader.name == name
        assert reader.title
        assert reader.version >= 1
        assert reader.mode in ("2D", "3D")


def folder_of_slices(folder):
    folder.mkdir()
    for number in range(3):
        np.save(folder / f"{number}.npy", np.full((4, 5), number, dtype=np.float32))
    return folder


def test_folder_is_opened_where_a_reader_opens_folders(tmp_path, monkeypatch):
    folder = folder_of_slices(tmp_path / "1.2.840")
    reader = reader_of(folder, "2D")
    assert not reader.exists(folder)
    with pytest.raises(InputError, match="is a folder, not a file"):
        reader.check(folder)
    register(monkeypatch, SliceFolders())
    reader = reader_of(folder, "3D")
    assert reader.name == "slices"
    assert reader.exists(folder)
    reader.check(folder)
    assert reader.open(folder).shape == (4, 5, 3)
    assert reader_of(folder / "0.nii", "3D").name == "nibabel"
    assert reader_of(tmp_path / "absent", "3D").name == "nibabel"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("absent", Status.MISSING, "there is no such folder: correct the path or remove the row"),
        ("file", Status.UNREADABLE, "is a file, not a folder: correct the path or remove the row"),
        ("empty", Status.UNREADABLE, "is an empty folder: fill the folder or remove the row"),
        ("x" * 300, Status.UNREADABLE, "cannot be opened (File name too long): correct the path or its permissions"),
        ("a\0b", Status.UNREADABLE, "cannot be opened (embedded null"),
    ],
)
def test_folder_that_cannot_be_used(tmp_path, name, status, words):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    reader = SliceFolders()
    assert reader.exists(tmp_path / name) == (name == "empty")
    with pytest.raises(InputError) as caught:
        reader.check(tmp_path / name)
    assert caught.value.status == status
    assert words in str(caught.value)


def test_fingerprint_of_a_folder_is_that_of_all_of_its_files(tmp_path):
    fingerprint, folder = SliceFolders().fingerprint, tmp_path / "slices"
    assert fingerprint(folder) == "missing"
    folder_of_slices(folder)
    (folder / "inside").mkdir()
    (folder / "inside" / "last").write_text("x")
    seen = [fingerprint(folder)]
    assert fingerprint(folder) == seen[0]
    status = (folder / "1.npy").stat()
    os.utime(folder / "1.npy", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    seen.append(fingerprint(folder))
    (folder / "inside" / "last").write_text("xy")
    seen.append(fingerprint(folder))
    (folder / "1.npy").rename(folder / "9.npy")
    seen.append(fingerprint(folder))
    (folder / "9.npy").unlink()
    seen.append(fingerprint(folder))
    assert len(set(seen)) == 5
    # Elsewhere, with the same times, it is the same.
    moved = folder.rename(tmp_path / "moved")
    assert fingerprint(moved) == seen[-1]
