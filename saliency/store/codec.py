"""Shard files: the samples of one array that one job writes.

A file is a shard of Zarr v3: the samples' chunks one after the other, then the index of where each is; small samples
share one chunk, without an index. Encoding and decoding need the array's layout but not its metadata file, and hold the
samples at hand and no more of a shard. So this is done here: Zarr encodes whole shards, to the same bytes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import google_crc32c
import numcodecs.blosc
import numpy as np
import zarr
from numcodecs import BitRound, Blosc
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import MemoryStore

from saliency.exceptions import ShardError
from saliency.experiment.arrays import CHUNK_BYTES
from saliency.files.atomic_files import AtomicFile, remove_temporaries_of

# Decoded at once by `read_blocks`.
BLOCK_BYTES = 16 * 1024 * 1024
# Offset of a chunk that a shard's index says is not there.
ABSENT = 2**64 - 1
CHECKSUM_BYTES = 4
# Samples as `ShardWriter.add` takes them: encoded, or values that will share a chunk.
Packed = np.ndarray | list[bytes]
WRONG_CHECKSUM = "has a wrong checksum or index of chunks"
COMPRESSION: Final = "zstd"
LEVEL = 3
# As Zarr calls it: a job has threads of its own, and says how many.
numcodecs.blosc.use_threads = False


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
    keep_bits
        Of each value's mantissa; None for all.
    """

    shape: tuple[int, ...]
    dtype: str
    dimension_names: tuple[str, ...]
    shard_size: int
    keep_bits: int | None = None

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
            compressors=[BloscCodec(cname=COMPRESSION, clevel=LEVEL, shuffle="bitshuffle"), Crc32cCodec()],
            fill_value=self.fill_value,
            chunk_key_encoding={"name": "default", "separator": "."},
            dimension_names=("sample", *self.dimension_names),
            # A shard that holds nothing but the fill value would otherwise not be written at all.
            config={"write_empty_chunks": True},
            # As netCDF's library calls it.
            attributes={"_QuantizeBitRoundNumberOfSignificantBits": self.keep_bits} if self.keep_bits else {},
        )
        return array, store

    def rounded(self, values: np.ndarray) -> np.ndarray:
        r"""Values as they are stored: the nearest of those with `keep_bits` bits of mantissa.

        .. math:: |x' - x| \le 2^{-keep\_bits - 1} |x|

        Zeros follow, which compress to nothing. NaN stays NaN (Kloewer et al. 2021,
        https://doi.org/10.1038/s43588-021-00156-2).

        Examples
        --------
        >>> spec = ArraySpec((2,), "float32", ("class",), 4, keep_bits=2)
        >>> spec.rounded(np.array([[1.1, -3.3]], np.float32)).tolist()
        [[1.0, -3.5]]
        """
        if self.keep_bits is None:
            return values
        values = values.astype(self.dtype, copy=False)
        found: np.ndarray = BitRound(self.keep_bits).encode(values).view(values.dtype)
        return found

    @property
    def fill_value(self) -> float:
        """What is read where nothing was written."""
        return np.nan if np.dtype(self.dtype).kind == "f" else -1

    @property
    def stored_dtype(self) -> np.dtype:
        """Values in a file are little-endian on every machine."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def first_key(self) -> str:
        """Name of the file of shard 0."""
        return ".".join(["c", *["0"] * (1 + len(self.shape))])


class ShardWriter:
    """Writes the samples of one shard, a few at a time, into a file that appears whole at the end.

    Parameters
    ----------
    path
        The shard's file.
    samples
        How many there will be, at most ``spec.shard_size``.
    spec
        The array's layout.

    Examples
    --------
    >>> import tempfile
    >>> spec = ArraySpec((2,), "float32", ("class",), 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ShardWriter(Path(folder, "c.0"), 3, spec) as writer:
    ...         writer.add(writer.packed(np.array([[1, 2], [3, 4]])))
    ...         writer.add(writer.packed(np.array([[5, 6]])))
    ...         writer.commit()
    ...     read_shard(Path(folder, "c.0"), 3, spec).tolist()
    [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    """

    def __init__(self, path: Path, samples: int, spec: ArraySpec) -> None:
        # Zarr writes nothing at all where there are no values.
        if not 0 < samples <= spec.shard_size or 0 in spec.shape:
            raise ValueError(f"{samples} samples of {spec.shape} do not fit shards of {spec.shard_size}")
        self.samples, self.spec = samples, spec
        remove_temporaries_of(path)
        self._file = AtomicFile(path)
        self._done = self._bytes = 0
        # Of a shard of one chunk: the values that the chunk is made of in the end.
        self._values = np.full(
            (0 if spec.sharded else spec.shard_size, *spec.shape), spec.fill_value, spec.stored_dtype
        )
        self._index = np.full((spec.shard_size, 2), ABSENT, dtype="<u8")

    def packed(self, values: np.ndarray) -> Packed:
        """Bring samples ``(n, *spec.shape)`` into the form in which `add` takes them; any thread may do it."""
        if values.shape[1:] != self.spec.shape:
            raise ValueError(f"values of shape {values.shape} do not fit samples of {self.spec.shape}")
        values = self.spec.rounded(values).astype(self.spec.stored_dtype, copy=False)
        return [_encoded(sample) for sample in values] if self.spec.sharded else values

    def add(self, packed: Packed) -> None:
        """Write the next samples; equal values give equal bytes, however they are divided.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        rows = slice(self._done, self._done + len(packed))
        if rows.stop > self.samples:
            raise ValueError(f"there are more than {self.samples} samples")
        self._done = rows.stop
        if isinstance(packed, np.ndarray):
            self._values[rows] = packed
            return
        for row, chunk in enumerate(packed, rows.start):
            self._index[row] = self._bytes, len(chunk)
            self._bytes += len(chunk)
            self._file.write(chunk)

    def commit(self) -> None:
        """Put the file in its place.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        if self._done != self.samples:
            raise ValueError(f"{self._done} of {self.samples} samples were written")
        self._file.write(_with_checksum(self._index.tobytes()) if self.spec.sharded else _encoded(self._values))
        self._file.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing of a file that is not in its place."""
        self._file.discard()


class ShardReader:
    """Reads the samples of one shard one by one, without the array's metadata; any thread may do it.

    Parameters
    ----------
    path
        The shard's file.
    samples
        Number of samples in it.
    spec
        The array's layout.

    Raises
    ------
    ShardError
        If the file is empty or damaged, here or when a sample is read: all chunks and their index have a CRC-32C, which
        any flipped bit changes.
    """

    def __init__(self, path: Path, samples: int, spec: ArraySpec) -> None:
        self.path, self.samples, self.spec = path, samples, spec
        self._handle = os.open(path, os.O_RDONLY)
        try:
            self._length = os.fstat(self._handle).st_size
            if not self._length:
                raise ShardError(path, "is empty")
            with self._decoding():
                if spec.sharded:
                    self._index = self._read_index()
                else:
                    whole = self._decoded(0, self._length, (spec.shard_size, *spec.shape))
                    self._values = whole[:samples]
        except BaseException:
            os.close(self._handle)
            raise

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, row: int | slice) -> np.ndarray:
        """One sample, ``spec.shape``, or some, ``(n, *spec.shape)``."""
        if isinstance(row, slice):
            return self.take(range(self.samples)[row])
        if not self.spec.sharded:
            values: np.ndarray = self._values[row]
            return values
        with self._decoding():
            offset, length = self._index[row].tolist()
            return self._decoded(offset, length, self.spec.shape)

    def take(self, rows: Sequence[int]) -> np.ndarray:
        """Some samples in any order, ``(n, *spec.shape)``."""
        found = np.empty((len(rows), *self.spec.shape), dtype=self.spec.dtype)
        for place, row in enumerate(rows):
            found[place] = self[row]
        return found

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, a few large ones at a time."""
        step = max(1, BLOCK_BYTES // self.spec.sample_bytes) if self.spec.sharded else self.samples
        for begin in range(0, self.samples, step):
            yield self[begin : begin + step]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def _read(self, offset: int, length: int) -> bytes:
        parts, end = [], offset + length
        # One call reads at most 2 GiB.
        while offset < end and (part := os.pread(self._handle, end - offset, offset)):
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_index(self) -> np.ndarray:
        """Where each chunk begins, and its bytes.

        Found is what no checksum covers, too: chunks that are left out, and bytes that belong to no chunk.
        """
        length = 16 * self.spec.shard_size + CHECKSUM_BYTES
        content = _checked(self._read(self._length - length, length) if length <= self._length else b"")
        index: np.ndarray = np.frombuffer(content, dtype="<u8").reshape(-1, 2)
        present = index[:, 0] != ABSENT
        if not present[: self.samples].all() or index[present, 1].sum() + length != self._length:
            raise ValueError(WRONG_CHECKSUM)
        return index

    def _decoded(self, offset: int, length: int, shape: tuple[int, ...]) -> np.ndarray:
        content = Blosc().decode(_checked(self._read(offset, length)))
        found: np.ndarray = np.frombuffer(content, dtype=self.spec.stored_dtype).reshape(shape)
        return found

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except (MemoryError, OSError, IndexError):
            raise
        # Codecs raise what they like.
        except Exception as error:
            # Where the checksum is right, the file is as it was written.
            other = "holds another layout: shard_size, precision or target layer were different"
            raise ShardError(self.path, WRONG_CHECKSUM if "checksum" in str(error) else other) from error


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
    with ShardWriter(path, len(values), spec) as writer:
        writer.add(writer.packed(values))
        writer.commit()


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
        As of `ShardReader`.
    """
    with ShardReader(path, samples, spec) as reader:
        return reader[:] if rows is None else reader.take(rows)


def read_blocks(path: Path, samples: int, spec: ArraySpec) -> Iterator[np.ndarray]:
    """Decode one shard as `read_shard`, a few large samples at a time."""
    with ShardReader(path, samples, spec) as reader:
        yield from reader.blocks()


def _encoded(values: np.ndarray) -> bytes:
    """One chunk: compressed, with its checksum."""
    return _with_checksum(Blosc(COMPRESSION, LEVEL, Blosc.BITSHUFFLE).encode(np.ascontiguousarray(values)))


def _with_checksum(content: bytes) -> bytes:
    return content + google_crc32c.value(content).to_bytes(CHECKSUM_BYTES, "little")


def _checked(content: bytes) -> bytes:
    """What stands before a right checksum."""
    content, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if checksum != google_crc32c.value(content).to_bytes(CHECKSUM_BYTES, "little"):
        raise ValueError(WRONG_CHECKSUM)
    return content
