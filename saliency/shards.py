"""Shard files: the samples of one array that one job writes.

A shard is encoded in memory and appears under its name in one step, so that a file that exists is whole. Encoding and
decoding need the array's layout but not its metadata file.
"""

import errno
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from saliency.log import DataError

# Samples smaller than this share one compressed chunk per shard; larger ones are chunks of their own, read one by one.
CHUNK_BYTES = 64 * 1024
# Name of a file that is being written; "tempfile" chooses the part before its end.
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")
# Decoded at once by `read_blocks`.
BLOCK_BYTES = 16 * 1024 * 1024
# Offset of a chunk that a shard's index says is not there.
ABSENT = 2**64 - 1
WRONG_CHECKSUM = "has a wrong checksum or index of chunks"


class ShardError(DataError):
    """A shard file that cannot be decoded.

    Attributes
    ----------
    reason
        What is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}: delete it, the next run makes it again")
        self.reason = reason


@dataclass(frozen=True)
class ArraySpec:
    """How one array of the store is laid out.

    Attributes
    ----------
    shape
        Of one sample.
    dtype
        NumPy name; floating point arrays are filled with NaN, integers with -1.
    dimension_names
        One per axis of a sample.
    shard_size
        Samples per shard file.
    """

    shape: tuple[int, ...]
    dtype: str
    dimension_names: tuple[str, ...]
    shard_size: int

    @property
    def sample_bytes(self) -> int:
        """Size of one sample, decoded."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @property
    def sharded(self) -> bool:
        """Whether a file holds one chunk per sample, and an index of them."""
        return self.sample_bytes >= CHUNK_BYTES

    def create(self, samples: int) -> tuple[zarr.Array, MemoryStore]:
        """Make an empty array of this layout in memory."""
        store = MemoryStore()
        dtype = np.dtype(self.dtype)
        shard = (self.shard_size, *self.shape)
        array = zarr.create_array(
            store,
            shape=(samples, *self.shape),
            dtype=dtype,
            chunks=(1, *self.shape) if self.sharded else shard,
            shards=shard if self.sharded else None,
            compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"), Crc32cCodec()],
            fill_value=np.nan if dtype.kind == "f" else -1,
            chunk_key_encoding={"name": "default", "separator": "."},
            dimension_names=("sample", *self.dimension_names),
            # A shard that holds nothing but the fill value would otherwise not be written at all.
            config={"write_empty_chunks": True},
        )
        return array, store

    @property
    def first_key(self) -> str:
        """Name of the file of shard 0."""
        return ".".join(["c", *["0"] * (1 + len(self.shape))])


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is never seen half-written: beside its place first, flushed to disk, then renamed.

    Parameters
    ----------
    path
        The file; its folder is made where there is none.
    content
        All of it.

    Raises
    ------
    DataError
        If it cannot be written, for want of space or permission for example. What was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "new/c.0"), b"shard")
    ...     [path.name for path in Path(folder, "new").iterdir()]
    ['c.0']
    """
    try:
        try:
            _write_and_rename(path, content)
        except FileNotFoundError:
            # A run that starts on the same results removes temporary files, also one that is being written.
            _write_and_rename(path, content)
    except OSError as error:
        what_to_do = {
            errno.ENOSPC: "free space",
            errno.EDQUOT: "free space",
            errno.EFBIG: "raise the limit (ulimit -f)",
            errno.EROFS: "make it writable",
            errno.EACCES: "make it writable",
            errno.EPERM: "make it writable",
        }.get(error.errno, "mend this")
        raise DataError(
            f"{path}: cannot write {len(content)} bytes: {error.strerror}; {what_to_do} and run again: nothing that is "
            "finished is lost"
        ) from error


def _write_and_rename(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
        _flush_folder(path.parent)
    except BaseException:
        # The first error is the one to tell.
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _flush_folder(folder: Path) -> None:
    """See to it that a rename outlives a power cut.

    Otherwise the old shard could be back afterwards, while Snakemake's record, on another disk, is of the new one. A
    journalling file system needs milliseconds for it, a job seconds.
    """
    # Some network file systems cannot do this.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_temporaries(root: Path) -> list[Path]:
    """Remove the temporary files that killed jobs left; return them.

    Parameters
    ----------
    root
        Folder of an experiment; everything below it is looked at once.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, ".c.0.a1b2c3d4.tmp").touch()
    ...     Path(folder, "c.1").touch()
    ...     removed = remove_temporaries(Path(folder))
    ...     [path.name for path in removed], [path.name for path in Path(folder).iterdir()]
    (['.c.0.a1b2c3d4.tmp'], ['c.1'])
    """
    found = temporaries(root)
    for path in found:
        path.unlink(missing_ok=True)
    return found


def temporaries(root: Path) -> list[Path]:
    """Files below a folder that are being written, or that killed jobs left."""
    return [
        Path(folder, name) for folder, _, names in os.walk(root) for name in sorted(names) if TEMPORARY.fullmatch(name)
    ]


def write_json(content: object, output: str | Path) -> None:
    """Write JSON, indented, in one step."""
    write_atomically(Path(output), (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_shard(path: Path, values: np.ndarray, spec: ArraySpec) -> None:
    """Encode the samples of one shard and put the file in place; equal values give equal bytes.

    Parameters
    ----------
    path
        The shard's file.
    values
        ``(samples, *spec.shape)``, at most ``spec.shard_size`` samples.
    spec
        The array's layout.
    """
    # Zarr writes nothing at all where there are no values.
    if values.shape[1:] != spec.shape or values.size == 0 or len(values) > spec.shard_size:
        raise ValueError(f"values of shape {values.shape} do not fit shards of {spec.shard_size} x {spec.shape}")
    array, store = spec.create(len(values))
    array[...] = values.astype(spec.dtype, copy=False)
    write_atomically(path, store._store_dict[spec.first_key].to_bytes())


def read_shard(path: Path, samples: int, spec: ArraySpec, rows: Sequence[int] | None = None) -> np.ndarray:
    """Decode one shard, or some of its samples, without the array's metadata.

    Parameters
    ----------
    path
        The shard's file.
    samples
        Number of samples in it.
    spec
        The array's layout.
    rows
        Positions in the shard; None for all.

    Returns
    -------
    ndarray
        ``(samples, *spec.shape)``, or one entry per position.

    Raises
    ------
    ShardError
        If the file is empty or damaged: all chunks and their index have a CRC-32C, which any flipped bit changes.
    """
    array = _open_shard(path, samples, spec)
    with _decoding(path):
        return array[...] if rows is None else array.oindex[np.asarray(rows, dtype=np.int64)]


def read_blocks(path: Path, samples: int, spec: ArraySpec) -> Iterator[np.ndarray]:
    """Decode one shard as `read_shard`, a few large samples at a time."""
    array = _open_shard(path, samples, spec)
    step = max(1, BLOCK_BYTES // spec.sample_bytes) if spec.sharded else samples
    for begin in range(0, samples, step):
        with _decoding(path):
            block = array[begin : begin + step]
        yield block


def _open_shard(path: Path, samples: int, spec: ArraySpec) -> zarr.Array:
    content = path.read_bytes()
    if not content:
        # Zarr would take it for a chunk that holds nothing but the fill value.
        raise ShardError(path, "is empty")
    if spec.sharded:
        with _decoding(path):
            _check_index(content, samples, spec)
    array, store = spec.create(samples)
    store._store_dict[spec.first_key] = Buffer.from_bytes(content)
    return array


def _check_index(content: bytes, samples: int, spec: ArraySpec) -> None:
    """Find what no checksum covers: chunks that are left out, and bytes that belong to no chunk."""
    length = 16 * spec.shard_size
    if len(content) < length + 4:
        raise ValueError(WRONG_CHECKSUM)
    index = np.frombuffer(content[-length - 4 : -4], dtype="<u8").reshape(spec.shard_size, 2)
    present = index[:, 0] != ABSENT
    if not present[:samples].all() or index[present, 1].sum() + length + 4 != len(content):
        raise ValueError(WRONG_CHECKSUM)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    # Codecs raise what they like.
    except Exception as error:
        # Where the checksum is right, the file is as it was written.
        other = "holds another layout: shard_size, precision or target layer were different"
        raise ShardError(path, WRONG_CHECKSUM if "checksum" in str(error) else other) from error
