"""Shard files: the samples of one array that one job writes.

A shard is encoded in memory and appears under its name in one step, so that a file that exists is whole. Encoding and
decoding need the array's layout but not its metadata file.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer.cpu import Buffer
from zarr.storage import MemoryStore

# Samples smaller than this share one compressed chunk per shard; larger ones are chunks of their own, read one by one.
CHUNK_BYTES = 64 * 1024


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

    def create(self, samples: int) -> tuple[zarr.Array, MemoryStore]:
        """Make an empty array of this layout in memory."""
        store = MemoryStore()
        dtype = np.dtype(self.dtype)
        one = int(np.prod(self.shape, dtype=np.int64)) * dtype.itemsize
        shard = (self.shard_size, *self.shape)
        array = zarr.create_array(
            store,
            shape=(samples, *self.shape),
            dtype=dtype,
            chunks=(1, *self.shape) if one >= CHUNK_BYTES else shard,
            shards=shard if one >= CHUNK_BYTES else None,
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
    """Write a file that is never seen half-written: beside its place first, flushed to disk, then renamed."""
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
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
    if values.shape[1:] != spec.shape or not 0 < len(values) <= spec.shard_size:
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
    ValueError
        If the file is empty, or its checksum is wrong.
    """
    content = path.read_bytes()
    if not content:
        # Zarr would take it for a chunk that holds nothing but the fill value.
        raise ValueError(f"{path} is empty: delete it, the next run makes it again")
    array, store = spec.create(samples)
    store._store_dict[spec.first_key] = Buffer.from_bytes(content)
    return array[...] if rows is None else array.oindex[np.asarray(rows, dtype=np.int64)]
