"""Maps and inputs on small grids: the files of shards, and many of them without holding all in memory."""

import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from saliency.exceptions import DataError
from saliency.files.atomic_files import write_atomically


def write_grids(arrays: Mapping[str, np.ndarray], output: Path) -> None:
    """Write a shard's arrays ``(n, …)`` by name as float32 in an NPZ file, in one step."""
    content = io.BytesIO()
    stored = {name: values.astype(np.float32) for name, values in arrays.items()}
    # NumPy's stubs take any name for its keyword `allow_pickle`.
    np.savez_compressed(content, **stored)  # type: ignore[arg-type]
    write_atomically(output, content.getvalue())


def read_grids(paths: Iterable[Path], name: str) -> Iterator[np.ndarray]:
    """One array of each of several files that `write_grids` wrote, ``(n, …)``, float32, one after the other."""
    for path in paths:
        with np.load(path) as arrays:
            yield arrays[name]


class DiskArray:
    """Rows of an array that lies in an unnamed temporary file, so that memory does not grow with their number.

    Parameters
    ----------
    parts
        Blocks of rows ``(n, …)``, float32, at least one.

    Attributes
    ----------
    shape
        Of all blocks, one after the other.

    Raises
    ------
    DataError
        If the file cannot be written.

    Examples
    --------
    >>> with DiskArray([np.zeros((2, 3), np.float32), np.ones((1, 3), np.float32)]) as array:
    ...     array.shape, array[np.array([2, 0])].tolist()
    ((3, 3), [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    """

    def __init__(self, parts: Iterable[np.ndarray]) -> None:
        rows, shape = 0, ()
        # It lives as long as the array does.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            for part in parts:
                self._file.write(np.ascontiguousarray(part, dtype=np.float32).data)
                rows, shape = rows + len(part), part.shape[1:]
            self._file.flush()
        except OSError as error:
            self._file.close()
            place = tempfile.gettempdir()
            raise DataError(
                f"{place}: cannot write: {error.strerror}: free space there, or set TMPDIR to another folder"
            ) from error
        self.shape = (rows, *shape)

    def __enter__(self) -> "DiskArray":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Rows ``(n,)`` as an array ``(n, …)``."""
        # Mapped anew each time: pages that were read once would stay in memory.
        return np.array(np.memmap(self._file, np.float32, "r", shape=self.shape)[rows])
