"""Files in S3, from a server on this machine that speaks its protocol."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency.files import stores
from saliency.readers.images import Preprocessing, read_image

pytestmark = [
    pytest.mark.slow,
    # Of moto and what it stands on.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
pytest.importorskip("s3fs", reason="pip install -e '.[test]'")
boto3 = pytest.importorskip("boto3", reason="pip install -e '.[test]'")


@pytest.fixture(scope="module")
def endpoint():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    import s3fs

    variables = {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}
    for name, value in (variables | {"ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(stores, "_known", {})
    monkeypatch.setattr(stores, "PAUSE", 0)
    s3fs.S3FileSystem.clear_instance_cache()
    found = boto3.resource("s3", endpoint_url=endpoint).create_bucket(Bucket="data")
    yield found
    found.objects.all().delete()


@pytest.fixture
def calls(monkeypatch):
    """What s3fs asks the server for."""
    import s3fs

    made, real = [], s3fs.S3FileSystem._call_s3

    async def counted(self, method, *arguments, **options):
        made.append(method)
        return await real(self, method, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counted)
    return made


def picture(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_pictures_are_those_of_files_and_a_replaced_one_has_another_fingerprint(bucket, tmp_path):
    (tmp_path / "a.png").write_bytes(picture(0))
    bucket.Object("some folder/ä.png").put(Body=picture(0))
    path, read = Path("s3://data/some folder/ä.png"), Preprocessing(3, None, None, "bilinear")
    assert read_image(path, read).tobytes() == read_image(tmp_path / "a.png", read).tobytes()
    before = stores.stored_fingerprint(path)
    stores._known.clear()
    assert stores.stored_fingerprint(path) == before
    bucket.Object("some folder/ä.png").put(Body=picture(1))
    stores._known.clear()
    assert stores.stored_fingerprint(path) not in (before, stores.MISSING)
    assert stores.stored_fingerprint(Path("s3://data/some folder")) == stores.MISSING
    assert "NoSuchBucket" in stores.stored_fingerprint(Path("s3://no-such-bucket/a.png"))


def test_many_keys_are_found_in_listings_with_the_fingerprints_of_single_ones(bucket, calls, monkeypatch):
    monkeypatch.setattr(stores, "PAGE", 50)
    # Every third is one that nobody asks for.
    for number in range(120):
        bucket.Object(f"ä/{number}.png").put(Body=b"abc%d" % number)
    wanted = [Path(f"s3://data/ä/{number}.png") for number in range(120) if number % 3]
    missing = [Path(f"s3://data/ä/{number}.jpg") for number in range(3)]
    stores.ask([*wanted, *missing])
    # Three pages at most, and single requests for the first key and for what no listing has.
    assert calls.count("list_objects_v2") <= 3 + len(missing)
    assert calls.count("head_object") <= 1 + len(missing) + stores.WORTH
    listed = [stores.stored_fingerprint(path) for path in wanted]
    assert stores.MISSING not in listed
    assert len(set(listed)) == len(wanted)
    assert {stores.stored_fingerprint(path) for path in missing} == {stores.MISSING}
    # Fewer than are worth a page of a listing are asked for one by one.
    stores._known.clear()
    calls.clear()
    stores.ask(wanted[:10])
    assert set(calls) == {"head_object"}
    assert [stores.stored_fingerprint(path) for path in wanted[:10]] == listed[:10]


def test_keys_far_apart_in_a_large_folder_are_asked_for_one_by_one(bucket, calls, monkeypatch):
    monkeypatch.setattr(stores, "PAGE", 10)
    monkeypatch.setattr(stores, "WORTH", 4)
    for number in range(60):
        bucket.Object(f"y/{number:04}.png").put(Body=b"abc")
    paths = [Path(f"s3://data/y/{number:04}.png") for number in range(0, 60, 6)]
    stores.ask(paths)
    assert all(stores.stored_fingerprint(path).startswith("3 ") for path in paths)
    assert calls.count("list_objects_v2") == 1
    assert calls.count("head_object") >= 8


def test_without_a_key_it_is_said_what_is_lacking(bucket, monkeypatch, tmp_path):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "credentials" in stores.stored_fingerprint(Path("s3://data/a.png"))
