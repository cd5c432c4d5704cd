"""Shard files: the samples of one array that one job writes.

A shard is encoded in memory and appears under its name in one step, so that a file that exists is whole. Encoding and
decoding need the array's layout but not its metadata file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from saliency.exceptions import ShardError
from saliency.files.atomic_files import write_atomically

# Samples smaller than this share one compressed chunk per shard; larger ones are chunks of their own, read one by one.
CHUNK_BYTES = 64 * 1024
# Decoded at once by `read_blocks`.
BLOCK_BYTES = 16 * 1024 * 1024
# Offset of a chunk that a shard's index says is not there.
ABSENT = 2**64 - 1
WRONG_CHECKSUM = "has a wrong checksum or index of chunks"


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
        return np.asarray(array[...] if rows is None else array.oindex[np.asarray(rows, dtype=np.int64)])


def read_blocks(path: Path, samples: int, spec: ArraySpec) -> Iterator[np.ndarray]:
    """Decode one shard as `read_shard`, a few large samples at a time."""
    array = _open_shard(path, samples, spec)
    step = max(1, BLOCK_BYTES // spec.sample_bytes) if spec.sharded else samples
    for begin in range(0, samples, step):
        with _decoding(path):
            block = np.asarray(array[begin : begin + step])
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
