"""Random and broken input: it is used or refused with a message, and nothing else happens."""

import copy
import gzip
import io
import struct
import time
import tracemalloc
import zlib

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from saliency.exceptions import InputError, Status
from saliency.experiment.manifest import manifest_problems, read_manifest
from saliency.experiment.validation import complete_config
from saliency.readers.images import Preprocessing, read_image
from saliency.store.codec import ArraySpec, read_shard, write_shard
from tests.experiment.test_config import CONFIGS, MODELS
from tests.readers.test_volumes import preprocessing

ONE_FOLDER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
EFFORT = [60, pytest.param(1500, marks=pytest.mark.slow)]


def examples(count, test):
    settings(max_examples=count, deadline=None, suppress_health_check=ONE_FOLDER)(test)()


@pytest.mark.parametrize("count", EFFORT)
def test_any_manifest_gives_problems_of_one_line(tmp_path, count):
    names = st.sampled_from(["id", "path", "label", "mask", "status", "", "Unnamed: 0", "\0", "a\nb"])
    field = st.text(max_size=6) | st.sampled_from(
        ["0", "a", "x" * 300, "package://numpy/x", "package://", "../a", "\ud800"]
    )
    line = st.lists(names | field, max_size=5).map(",".join)
    content = st.binary(max_size=80) | st.lists(line, max_size=5).map(
        lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")
    )

    @given(content, st.booleans(), st.sampled_from(["m.csv", "m.tsv"]))
    def check(content, files, name):
        path = tmp_path / name
        path.write_bytes(content)
        table, problems = read_manifest(path)
        problems += manifest_problems(table, path, labels_needed=files, files=files, columns=["path", "mask"])
        assert problems
        assert all(line.startswith(str(path)) and len(line.splitlines()) == 1 for line in problems), problems

    examples(count, check)


@pytest.mark.parametrize("count", EFFORT)
def test_any_config_is_completed_once(tmp_path, monkeypatch, count):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text("id,path\na,m.csv\n")

    @given(CONFIGS, MODELS)
    def check(changes, model):
        config = {"experiment": "e", "manifest": "m.csv", "models": {"net": model}, **changes}
        completed, problems = complete_config(config)
        assert all(isinstance(line, str) and len(line.splitlines()) == 1 for line in problems), problems
        if not problems:
            assert complete_config(completed) == (completed, [])
        complete_config(copy.deepcopy(config), check=False)

    examples(count, check)


@pytest.mark.parametrize("count", EFFORT)
def test_any_values_come_back_from_a_shard_bit_by_bit(tmp_path, count):
    specials = np.array([0x7FC00001, 0xFFC12345, 0x7F800001, 0x80000000, 0x7F800000, 0x00000001], np.uint32)

    @given(
        st.lists(st.integers(0, 4), max_size=4).map(tuple),
        st.sampled_from(["int8", "int64", "float32", "float64"]),
        st.integers(1, 4).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))),
        st.sampled_from([8, 64 * 1024]),
        st.integers(0, 2**32 - 1),
    )
    def check(shape, dtype, sizes, chunk_bytes, seed):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("saliency.store.codec.CHUNK_BYTES", chunk_bytes)
            shard_size, samples = sizes
            spec = ArraySpec(shape, dtype, tuple(f"axis{number}" for number in range(len(shape))), shard_size)
            generator = np.random.default_rng(seed)
            values = np.frombuffer(generator.bytes(samples * spec.sample_bytes), dtype).reshape(samples, *shape).copy()
            if dtype == "float32":
                bits = values.reshape(-1).view(np.uint32)
                chosen = generator.random(len(bits)) < 0.3
                bits[chosen] = generator.choice(specials, chosen.sum())
            if values.size == 0:
                with pytest.raises(ValueError, match="do not fit"):
                    write_shard(tmp_path / "c", values, spec)
                return
            write_shard(tmp_path / "c", values, spec)
            found = read_shard(tmp_path / "c", samples, spec)
            assert (found.shape, found.dtype) == (values.shape, values.dtype)
            assert found.tobytes() == values.tobytes()

    examples(count, check)


def encoded(form, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert("L").convert("P") if form == "GIF" else image).save(buffer, form, **options)
    return buffer.getvalue()


def volume(kind, compressed):
    values = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    content = kind(values, np.diag([1, 1, 2, 1])).to_bytes()
    return gzip.compress(content, mtime=0) if compressed else content


SEEDS = {
    "a.png": encoded("PNG"),
    "a.jpg": encoded("JPEG"),
    "a.gif": encoded("GIF"),
    "a.tif": encoded("TIFF"),
    "b.tif": encoded("TIFF", compression="tiff_lzw"),
    "a.bmp": encoded("BMP"),
    "a.webp": encoded("WEBP"),
    "a.nii": volume(nib.Nifti1Image, False),
    "a.nii.gz": volume(nib.Nifti1Image, True),
    "b.nii": volume(nib.Nifti2Image, False),
    "a.mgz": volume(nib.MGHImage, True),
}
IMAGES = Preprocessing(3, 16, 12, "bilinear")
VOLUMES = preprocessing(4, voxel_size=1.5, intensity="zscore")


def mutated(content, generator):
    """A few bytes changed, cut out, doubled or appended; mostly near the start, where headers are."""
    content = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        place = int(generator.integers(max(1, min(len(content), 400 if generator.random() < 0.7 else len(content)))))
        match generator.integers(6):
            case 0:
                content[place : place + 1] = generator.bytes(1)
            case 1:
                content[place : place + 4] = generator.choice(
                    [b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 4, b"\0" * 4]
                )
            case 2:
                del content[place : place + int(generator.integers(1, 50))]
            case 3:
                content[place:place] = content[: int(generator.integers(1, 50))]
            case 4:
                content = content[: max(1, place)]
            case 5:
                content[place : place + 8] = generator.bytes(8)
    return bytes(content)


def read(path):
    """What comes out: nothing but values or an `InputError`, soon."""
    started = time.monotonic()
    try:
        if path.suffix in (".nii", ".gz", ".mgz"):
            values, affine = VOLUMES.read({"path": path})
            assert (values.shape, affine.shape) == ((1, 4, 4, 4), (4, 4))
        else:
            values = read_image(path, IMAGES)
            assert values.shape == (3, 12, 12)
        assert np.isfinite(values).all()
        return "read"
    except InputError as error:
        return error.status.name
    finally:
        assert time.monotonic() - started < 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SEEDS)
def test_any_broken_file_is_read_or_refused(tmp_path, name, count):
    generator = np.random.default_rng(0)
    path = tmp_path / name
    path.write_bytes(SEEDS[name])
    assert read(path) == "read"
    outcomes = set()
    for _ in range(count):
        path.write_bytes(mutated(SEEDS[name], generator))
        outcomes.add(read(path))
    assert "UNREADABLE" in outcomes


def png_header(width, height):
    """A PNG of a few bytes that claims a size."""
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")
    ]:  # fmt: skip
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def nifti_header(shape, compressed=False, zooms=(1, 1, 1)):
    """A NIfTI-1 file of few bytes that claims a shape."""
    content = bytearray(volume(nib.Nifti1Image, False))
    content[40:48] = struct.pack("<4h", 3, *shape)
    for row, zoom in enumerate(zooms):
        content[280 + 20 * row : 284 + 20 * row] = struct.pack("<f", zoom)
    return gzip.compress(bytes(content), mtime=0) if compressed else bytes(content)


def nifti2_header(shape):
    content = bytearray(volume(nib.Nifti2Image, False))
    content[16:48] = struct.pack("<4q", 3, *shape)
    return bytes(content)


def nifti2_vast():
    """Voxels so large that the squares of their sides are infinite."""
    content = bytearray(volume(nib.Nifti2Image, False))
    content[400:496] = struct.pack("<12d", 1e200, 0, 0, 0, 0, 1e200, 0, 0, 0, 0, 1e200, 0)
    return bytes(content)


CLAIMS = {
    "vast.nii": (nifti2_vast(), Status.UNSUPPORTED),
    "bomb.png": (png_header(60_000, 60_000), Status.WRONG_SHAPE),
    "endless.png": (png_header(2**31 - 1, 2**31 - 1), Status.WRONG_SHAPE),
    "huge.nii": (nifti_header((10_000, 10_000, 10_000)), Status.UNREADABLE),
    "huge.nii.gz": (nifti_header((10_000, 10_000, 10_000), compressed=True), Status.UNREADABLE),
    "huge2.nii": (nifti2_header((10**6, 10**6, 10**6)), Status.UNREADABLE),
    "negative.nii": (nifti2_header((-(2**40), 127, 4)), Status.WRONG_SHAPE),
    "fine.nii": (nifti_header((6, 5, 4), zooms=(1e-40, 1e-40, 1e-40)), Status.UNSUPPORTED),
    "coarse.nii": (nifti_header((6, 5, 4), zooms=(1e6, 1e6, 1e6)), Status.WRONG_SHAPE),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_are_refused_before_memory_is_taken(tmp_path, name):
    content, status = CLAIMS[name]
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    try:
        assert read(tmp_path / name) == status.name
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_narrow_image_is_refused_before_it_is_enlarged(tmp_path):
    Image.new("L", (1, 60_000)).save(tmp_path / "line.png")
    with pytest.raises(InputError, match=r"resizing would make 15360000 x 256: .* set resize to \[height, width\]"):
        read_image(tmp_path / "line.png", Preprocessing(3, 256, 224, "bilinear"))


def test_broken_input_of_a_model_does_not_hide_the_other_problems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text("id,path\n=a,m.csv\n")
    model = {"factory": "torch.nn:Linear", "input": {"channels": None}, "weights": "two\nlines"}
    _, problems = complete_config({"experiment": "e", "manifest": "m.csv", "models": {"net": model}})
    assert problems[0] == "config: models.net.input.channels: None is not of type 'integer'"
    assert problems[1] == r"config: models.net.weights: there is no file 'two\nlines'"
    assert problems[2].startswith("m.csv: line 2, column id: '=a' begins as a formula")
    assert len(problems) == 3
