import os
import resource
import threading

import numpy as np
import pytest

from saliency.exceptions import DataError, ShardError
from saliency.files.atomic_files import remove_temporaries, write_atomically
from saliency.store.codec import ArraySpec, ShardReader, ShardWriter, read_blocks, read_shard, write_shard

# Samples of less than 64 KiB share one chunk; larger ones are chunks of their own within a shard.
SMALL = ArraySpec((3,), "float32", ("class",), 4)
LARGE = ArraySpec((3, 80, 80), "float32", ("channel", "y", "x"), 4)
WRONG = "c has a wrong checksum or index of chunks: delete it, the next run makes it again"
SPECS = [
    pytest.param(SMALL, id="small"),
    pytest.param(LARGE, id="large"),
    pytest.param(ArraySpec((3, 64, 48), "float64", ("channel", "y", "x"), 4), id="double"),
    pytest.param(ArraySpec((), "int8", (), 4), id="scalar"),
]
ROUNDED = [
    pytest.param(ArraySpec((3,), "float32", ("class",), 4, keep_bits=7), 16, id="small"),
    pytest.param(ArraySpec((3, 64, 48), "float64", ("channel", "y", "x"), 4, keep_bits=12), 40, id="double"),
]


def values_of(spec, samples, seed=0):
    values = np.random.default_rng(seed).normal(0, 50, (samples, *spec.shape)).astype(spec.dtype)
    if values.dtype.kind == "f":
        values[0].flat[:2] = np.nan, -0.0
    return values


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("samples", [4, 3, 1])
def test_shard_reads_back_as_it_was_written(tmp_path, spec, samples):
    values = values_of(spec, samples)
    path = tmp_path / "folder" / "c.0"
    write_shard(path, values, spec)
    found = read_shard(path, samples, spec)
    assert found.dtype == spec.dtype
    assert found.tobytes() == values.tobytes()
    rows = [samples - 1, 0, samples - 1]
    np.testing.assert_array_equal(read_shard(path, samples, spec, rows), values[rows])
    assert [file.name for file in path.parent.iterdir()] == ["c.0"]


@pytest.mark.parametrize("spec", SPECS)
def test_equal_values_give_equal_bytes(tmp_path, spec):
    values = values_of(spec, 4)
    contents = set()
    for number, same in enumerate([values, values.copy(), np.asfortranarray(values), values[::-1][::-1]]):
        write_shard(tmp_path / str(number), same, spec)
        contents.add((tmp_path / str(number)).read_bytes())
    assert len(contents) == 1
    write_shard(tmp_path / "other", values_of(spec, 4, seed=1), spec)
    assert (tmp_path / "other").read_bytes() not in contents


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("samples", [4, 3, 1])
def test_bytes_are_those_that_zarr_writes(tmp_path, spec, samples):
    values = values_of(spec, samples)
    array, store = spec.create(samples)
    array[...] = values
    with ShardWriter(tmp_path / "c", samples, spec) as writer:
        for part in (values[:1], values[1:]):
            writer.add(writer.packed(part))
        writer.commit()
    assert (tmp_path / "c").read_bytes() == store._store_dict[spec.first_key].to_bytes()


@pytest.mark.parametrize(("spec", "cleared"), ROUNDED)
def test_values_of_fewer_bits_are_the_nearest(tmp_path, spec, cleared):
    values = values_of(spec, 4) * np.logspace(-30, 30, 4).reshape(-1, *[1] * len(spec.shape)).astype(spec.dtype)
    write_shard(tmp_path / "c.0", values, spec)
    found = read_shard(tmp_path / "c.0", 4, spec)
    assert found.dtype == spec.dtype
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    known = ~np.isnan(values)
    # Half a unit of the last bit that is kept, at any size; and nothing in the bits below.
    error = np.abs(found[known] - values[known])
    assert (error <= 2.0 ** -(spec.keep_bits + 1) * np.abs(values[known])).all()
    assert error.any()
    assert not (found[known].view(f"u{found.itemsize}") & (2**cleared - 1)).any()
    # Equal to that of values that were rounded before.
    write_shard(tmp_path / "again", found, spec)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "c.0").read_bytes()
    array, _ = spec.create(4)
    assert array.attrs["_QuantizeBitRoundNumberOfSignificantBits"] == spec.keep_bits


def test_shard_that_is_not_finished_leaves_nothing(tmp_path):
    values = values_of(LARGE, 4)
    (tmp_path / ".c.0.a1b2c3d4.tmp").touch()
    with ShardWriter(tmp_path / "c.0", 4, LARGE) as writer:
        assert list(tmp_path.iterdir()) == []
        writer.add(writer.packed(values[:3]))
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        with pytest.raises(ValueError, match="3 of 4 samples were written"):
            writer.commit()
        with pytest.raises(ValueError, match="more than 4 samples"):
            writer.add(writer.packed(values[:2]))
    assert list(tmp_path.iterdir()) == []


def test_one_sample_is_read_without_the_others(tmp_path):
    values, path = values_of(LARGE, 4), tmp_path / "c"
    write_shard(path, values, LARGE)
    broken = bytearray(path.read_bytes())
    broken[100] ^= 1
    path.write_bytes(broken)
    with ShardReader(path, 4, LARGE) as reader:
        np.testing.assert_array_equal(reader[2], values[2])
        with pytest.raises(ShardError, match=WRONG):
            reader[0]


@pytest.mark.parametrize(("spec", "fill"), [(SMALL, np.nan), (LARGE, np.nan), (ArraySpec((), "int64", (), 4), -1)])
@pytest.mark.parametrize("samples", [4, 2])
def test_shard_of_nothing_but_the_fill_value_is_written(tmp_path, spec, fill, samples):
    values = np.full((samples, *spec.shape), fill, dtype=spec.dtype)
    write_shard(tmp_path / "c", values, spec)
    assert (tmp_path / "c").stat().st_size > 0
    np.testing.assert_array_equal(read_shard(tmp_path / "c", samples, spec), values)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("samples", [4, 3])
def test_flipped_bit_and_cut_file_are_noticed(tmp_path, spec, samples):
    path = tmp_path / "c"
    write_shard(path, values_of(spec, samples), spec)
    content = path.read_bytes()
    for position in np.linspace(0, len(content) - 1, 40).astype(int):
        broken = bytearray(content)
        broken[position] ^= 1 << (position % 8)
        path.write_bytes(broken)
        with pytest.raises(ShardError, match=WRONG):
            read_shard(path, samples, spec)
    for cut in (
        content[:1],
        content[: len(content) // 2],
        content[:-1],
        content[1:],
        content + b"\0",
        content + content,
    ):
        path.write_bytes(cut)
        with pytest.raises(ShardError, match=WRONG):
            read_shard(path, samples, spec)


@pytest.mark.parametrize("shape", [(5, 3), (0, 3), (4, 2), (4,), (4, 3, 1)])
def test_values_of_another_shape_are_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="do not fit s"):
        write_shard(tmp_path / "c", np.zeros(shape, dtype=np.float32), SMALL)
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that the write fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(DataError, match=r"file: cannot write 101 bytes: File too large; raise the limit"):
            write_atomically(path, bytes(101))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_file_is_written_although_another_run_removes_its_temporary(tmp_path):
    removed, content = [], bytes(30_000_000)

    def remove_once():
        while not removed:
            removed.extend(remove_temporaries(tmp_path))

    thread = threading.Thread(target=remove_once, daemon=True)
    thread.start()
    write_atomically(tmp_path / "file", content)
    thread.join(timeout=10)
    assert len(removed) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == content


def test_written_file_has_the_permissions_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_empty_file_is_refused(tmp_path):
    (tmp_path / "c.0").write_bytes(b"")
    with pytest.raises(ShardError, match=r"c\.0 is empty: delete it"):
        read_shard(tmp_path / "c.0", 2, ArraySpec((3, 100, 100), "float32", ("channel", "y", "x"), 2))


FLIPPED = [
    (ArraySpec((), "int8", (), 4), 3),
    (ArraySpec((), "int64", (), 4), 4),
    (ArraySpec((4,), "float64", ("class",), 2), 1),
    *(
        pytest.param(ArraySpec(shape, dtype, names, size), samples, marks=pytest.mark.slow)
        for shape, dtype, names, size, samples in [
            ((3,), "float32", ("class",), 4, 4),
            ((4,), "float32", ("class",), 2, 2),
            ((3, 2, 2), "float32", ("channel", "y", "x"), 4, 3),
            ((2, 3, 2), "float64", ("channel", "y", "x"), 4, 4),
        ]
    ),
]


@pytest.mark.parametrize(("small", "samples"), FLIPPED, ids=str)
def test_any_flipped_bit_is_noticed(tmp_path, monkeypatch, small, samples):
    monkeypatch.setattr("saliency.store.codec.CHUNK_BYTES", 16)
    path = tmp_path / "c"
    write_shard(path, values_of(small, samples), small)
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        broken = bytearray(content)
        broken[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(broken)
        with pytest.raises(ShardError, match=WRONG):
            read_shard(path, samples, small)


def test_chunk_that_the_index_leaves_out_is_noticed(tmp_path):
    """A file with right checksums, of which three samples would read as NaN."""
    values = values_of(LARGE, 4)
    write_shard(tmp_path / "c", values[:1], LARGE)
    np.testing.assert_array_equal(read_shard(tmp_path / "c", 1, LARGE), values[:1])
    with pytest.raises(ShardError, match=WRONG):
        read_shard(tmp_path / "c", 4, LARGE)


@pytest.mark.parametrize("spec", SPECS)
def test_shard_of_another_size_is_told_from_a_damaged_one(tmp_path, spec):
    other = ArraySpec(spec.shape, spec.dtype, spec.dimension_names, 3)
    write_shard(tmp_path / "c", values_of(other, 3), other)
    with pytest.raises(ShardError, match=WRONG if spec.sharded else "c holds another layout: shard_size"):
        read_shard(tmp_path / "c", 3, spec)


@pytest.mark.parametrize("spec", SPECS)
def test_blocks_make_up_the_shard(tmp_path, monkeypatch, spec):
    monkeypatch.setattr("saliency.store.codec.BLOCK_BYTES", 2 * spec.sample_bytes)
    values = values_of(spec, 3)
    write_shard(tmp_path / "c", values, spec)
    blocks = list(read_blocks(tmp_path / "c", 3, spec))
    assert [len(block) for block in blocks] == ([2, 1] if spec.sharded else [3])
    np.testing.assert_array_equal(np.concatenate(blocks), values)
