"""Files in stores, over HTTP from a server on this machine and from one that speaks S3's protocol."""

import os
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from saliency.audit.facts.opened import opened_picture, opened_volume
from saliency.exceptions import DataError, InputError, Status
from saliency.experiment.cautions import manifest_cautions
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.files import stores
from saliency.files.remote import url_problem, without_secrets
from saliency.readers.images import Preprocessing, read_image
from saliency.readers.volumes import load_volume
from tests.helpers.web_server import web_server
from tests.readers.formats.test_dicom_images import dicom

pytest.importorskip("aiohttp", reason="pip install -e '.[test]'")

READ = Preprocessing(3, None, None, "bilinear")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(stores, "_known", {})
    monkeypatch.setattr(stores, "PAUSE", 0)


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web").mkdir()
    for number in range(5):
        picture(tmp_path / "web" / f"{number}.png", number)
    with web_server(tmp_path / "web") as server:
        yield server


def picture(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    # Time of a second's resolution, as HTTP has it.
    os.utime(path, ns=(10**18 + seed * 10**9,) * 2)


def completed(lines, **changes):
    Path("m.csv").write_text("\n".join(["id,path", *lines]) + "\n")
    models = {"net": {"factory": "torch.nn:Linear"}}
    config = {"experiment": "e", "manifest": "m.csv", "models": models, "shard_size": 1, "audit": None, "report": None}
    return complete_config(config | changes)


def prepared(config):
    plan = Plan(config)
    digests = Digests(plan)
    return [digests.of("prepare", "net", shard) for shard in plan.shards]


def test_pictures_and_volumes_are_those_of_files_on_the_disk(web):
    tifffile.imwrite(
        web.folder / "a.tif",
        RNG.integers(0, 256, (6, 7, 5), dtype=np.uint8),
        photometric="minisblack",
        planarconfig="contig",
    )
    dicom(web.folder / "f.dcm", RNG.integers(0, 4096, (2, 5, 6)).astype(np.uint16))
    for name, read in {"0.png": READ, "a.tif": Preprocessing(5, None, None, "bilinear"), "f.dcm#1": READ}.items():
        found, expected = (read_image(Path(f"{place}/{name}"), read) for place in (web.url, web.folder))
        assert found.tobytes() == expected.tobytes()
    image = nib.Nifti1Image(RNG.uniform(size=(4, 5, 6)).astype(np.float32), np.diag([2, 2, 3, 1]))
    nib.save(image, web.folder / "v.nii.gz")
    found = load_volume(Path(f"{web.url}/v.nii.gz"))
    # Values are read when they are asked for, and the copy lasts as long.
    copy = Path(found.get_filename())
    np.testing.assert_array_equal(found.get_fdata(), image.get_fdata())
    np.testing.assert_array_equal(found.affine, image.affine)
    assert copy.exists()
    del found
    assert not copy.exists()


def test_masks_and_facts_of_remote_files(web):
    Image.fromarray(np.eye(8, 9, dtype=np.uint8)).save(web.folder / "mask.png")
    files = {"path": Path(f"{web.url}/0.png"), "mask": Path(f"{web.url}/mask.png")}
    np.testing.assert_array_equal(READ.read_mask(files), np.eye(8, 9) == 1)
    with opened_picture(files["path"]) as opened:
        assert opened.size == (web.folder / "0.png").stat().st_size
        assert opened.header.format == "PNG"
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6), np.float32), np.eye(4)), web.folder / "v.nii")
    with opened_volume(Path(f"{web.url}/v.nii")) as opened:
        assert opened.size == (web.folder / "v.nii").stat().st_size
        assert opened.values.sum() == 120


def test_each_file_is_asked_for_once_in_a_run_and_a_replaced_one_is_planned_again(web):
    rows = [f"{number},{web.url}/{number}.png" for number in range(3)]
    config, problems = completed(rows)
    assert problems == []
    before = prepared(config)
    assert sorted(web.asked) == [f"HEAD /{number}.png" for number in range(3)]
    # What a job of the run does, for which the planning process left the answers.
    stores.remember(Path("answers.json"))
    stores._known.clear()
    stores.recall(Path("answers.json"))
    assert prepared(config) == before
    assert len(web.asked) == 3
    picture(web.folder / "1.png", 7)
    stores._known.clear()
    after = prepared(completed(rows)[0])
    assert [one == two for one, two in zip(before, after, strict=True)] == [True, False, True]


def test_an_etag_counts_more_than_the_time(web):
    path = Path(f"{web.url}/0.png")
    web.etags["/0.png"] = "abc"
    before = stores.stored_fingerprint(path)
    os.utime(web.folder / "0.png", ns=(10**18 + 10**10,) * 2)
    stores._known.clear()
    assert stores.stored_fingerprint(path) == before
    web.etags["/0.png"] = "abd"
    stores._known.clear()
    assert stores.stored_fingerprint(path) != before


def test_missing_files_are_listed_as_local_ones_are(web):
    rows = [*(f"{number},{web.url}/no{number}.png" for number in range(14)), "local,no.png", f"a,{web.url}/0.png"]
    _, problems = completed(rows)
    lines = [
        f"m.csv: line {number + 2}, column path: there is no file '{web.url}/no{number}.png'" for number in range(10)
    ]
    assert problems == [*lines, "m.csv: column path: 5 more of this kind"]
    with pytest.raises(InputError, match="there is no such file") as caught:
        read_image(Path(f"{web.url}/no.png"), READ)
    assert caught.value.status is Status.MISSING
    assert completed(rows, on_error="skip")[1] == []


def test_the_run_begins_with_saying_where_nothing_tells_a_replaced_file(web):
    config, _ = completed([f"a,{web.url}/0.png", f"b,{web.url}/1.png"])
    assert manifest_cautions(Plan(config)) == []
    web.unmarked.add("/1.png")
    stores._known.clear()
    assert manifest_cautions(Plan(config)) == [
        f"m.csv: names 1 file(s) such as '{web.url}/1.png', of which the server says neither ETag nor time: one that "
        "is replaced by another of its size is not noticed"
    ]


@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_a_store_that_does_not_answer_is_no_missing_file(web, on_error):
    web.statuses["/0.png"] = 500
    _, problems = completed([f"a,{web.url}/0.png", "b,http://127.0.0.1:1/b.png"], on_error=on_error)
    assert [line.partition(":1/")[0].partition(" (")[0] for line in problems] == [
        f"m.csv: '{web.url}/0.png' cannot be asked for",
        "m.csv: 'http://127.0.0.1",
    ]
    assert "Internal Server Error" in problems[0]
    with pytest.raises(DataError, match=r"/0.png cannot be fetched \(ClientResponseError: 500.*run again when it can"):
        read_image(Path(f"{web.url}/0.png"), READ)


def test_a_host_that_never_answers_is_left_alone():
    paths = [Path(f"http://127.0.0.1:1/{number}.png") for number in range(200)]
    stores.ask(paths)
    said = [stores.stored_fingerprint(path) for path in paths]
    assert sum("not asked for, since 10 others of 127.0.0.1:1 could not be" in one for one in said) > 100


def test_an_answer_that_breaks_off_is_no_file(web):
    web.broken.add("/0.png")
    with pytest.raises(DataError, match="cannot be fetched"):
        read_image(Path(f"{web.url}/0.png"), READ)
    assert web.asked == ["GET /0.png"] * stores.ATTEMPTS


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("https://host/a.png?key=secret", "2D", "'https://host/a.png?…' has a query, which can hold a key"),
        ("https://me:secret@host/a.png", "2D", "'https://…@host/a.png' holds a user or password"),
        ("s3://bucket/a.h5::/images#7", "2D", "'s3://bucket/a.h5::/images#7' means a part of a file in a store"),
        ("s3://bucket/a//b.png", "2D", "'s3://bucket/a//b.png' has an empty part or dots between its slashes"),
        ("s3://bucket/series/", "3D", "'s3://bucket/series/' names no file in a store, and folders are not fetched"),
        ("s3://bucket/a.mhd", "3D", "'s3://bucket/a.mhd' can have another file beside it"),
        ("s3://bucket/a.npy", "3D", "'s3://bucket/a.npy' can have another file beside it"),
        ("s3://bucket/a.zarr", "2D", "'s3://bucket/a.zarr' is a folder in a store"),
    ],
)
@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_what_cannot_be_read_in_a_store_is_refused_without_saying_secrets(
    tmp_path, monkeypatch, name, mode, words, on_error
):
    monkeypatch.chdir(tmp_path)
    settings = {"mode": mode, "crop": 8}
    _, problems = completed([f"a,{name}"], input=settings, on_error=on_error)
    assert len(problems) == 1
    assert problems[0].startswith(f"m.csv: {words}")
    assert "secret" not in problems[0]


def test_secrets_of_where_a_file_is_sent_for_are_not_said(web):
    web.redirected["/0.png"] = f"{web.url}/there.png?X-Amz-Signature=secret"
    web.statuses["/there.png"] = 503
    path = Path(f"{web.url}/0.png")
    with pytest.raises(DataError) as caught:
        read_image(path, READ)
    said = stores.stored_fingerprint(path)
    assert "503" in str(caught.value)
    assert "503" in said
    assert "secret" not in f"{caught.value} {said}"
    assert without_secrets("http://a:secret@b/c (x?secret=1)") == "http://…@b/c (x?secret=1)"
    assert url_problem(f"{web.url}/0.png") is None


def test_a_missing_package_is_named_with_its_extra(web, monkeypatch):
    real = stores.find_package
    monkeypatch.setattr(stores, "find_package", lambda name: None if name == "aiohttp" else real(name))
    words = "needs the Python package aiohttp, which is not installed: pip install 'nip-saliency[remote]'"
    _, problems = completed([f"a,{web.url}/0.png", f"b,{web.url}/1.png"])
    assert problems == [f"m.csv: names files in stores, which {words}"]
    with pytest.raises(InputError, match=re.escape(words)):
        read_image(Path(f"{web.url}/0.png"), READ)
