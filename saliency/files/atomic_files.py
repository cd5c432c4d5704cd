"""Files that are whole or not there: written beside their place, then renamed."""

import errno
import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from saliency.exceptions import DataError

# Name of a file that is being written; "tempfile" chooses the part before its end.
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")


# Written to disk each time that so many bytes are new, while a job computes: it would wait for all of them at its end.
SYNC_BYTES = 32 * 1024 * 1024


class AtomicFile:
    """A file that is written piece by piece beside its place, and appears there whole at the end.

    It is never seen half-written: it is flushed to disk, then renamed. What was there before stays until then.

    Parameters
    ----------
    path
        Its place; the folder is made where there is none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = AtomicFile(Path(folder, "new/c.0"))
    ...     file.write(b"sha")
    ...     file.write(b"rd")
    ...     file.commit()
    ...     Path(folder, "new/c.0").read_bytes()
    b'shard'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = self._synced = 0
        self._file: BinaryIO | None = None
        self._temporary = Path()

    def write(self, content: bytes) -> None:
        """Add to it.

        Raises
        ------
        DataError
            If it cannot be written, for want of space or permission for example.
        """
        self._size += len(content)
        with self._explained():
            self._opened().write(content)
            if self._size >= self._synced + SYNC_BYTES:
                self._opened().flush()
                os.fdatasync(self._opened().fileno())
                self._synced = self._size

    def commit(self) -> None:
        """Put it in its place.

        Raises
        ------
        DataError
            As `write`; nothing but what was there before is there then.
        """
        with self._explained():
            try:
                self._rename()
            except FileNotFoundError:
                # A run that starts on the same results removes temporary files, also one that is being written.
                self._write_again()
                self._rename()
            self._opened().close()
            self._file = None

    def discard(self) -> None:
        """Leave nothing of it, if it is not in its place."""
        if self._file is not None:
            # The first error is the one to tell.
            with suppress(OSError):
                self._temporary.unlink()
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".tmp", dir=self.path.parent)
            self._temporary = Path(name)
            self._file = os.fdopen(handle, "w+b")
        return self._file

    def _write_again(self) -> None:
        """Copy what was written, which is there as long as it is open."""
        with self._opened() as before:
            self._file = None
            before.seek(0)
            shutil.copyfileobj(before, self._opened())

    def _rename(self) -> None:
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        self._temporary.chmod(0o666 & ~umask)
        self._temporary.replace(self.path)
        _flush_folder(self.path.parent)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.discard()
            if not isinstance(error, OSError):
                raise
            what_to_do = {
                errno.ENOSPC: "free space",
                errno.EDQUOT: "free space",
                errno.EFBIG: "raise the limit (ulimit -f)",
                errno.EROFS: "make it writable",
                errno.EACCES: "make it writable",
                errno.EPERM: "make it writable",
            }.get(error.errno or 0, "mend this")
            raise DataError(
                f"{self.path}: cannot write {self._size} bytes: {error.strerror}; {what_to_do} and run again: nothing "
                "that is finished is lost"
            ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file in one step, as an `AtomicFile`.

    Parameters
    ----------
    path
        The file; its folder is made where there is none.
    content
        All of it.

    Raises
    ------
    DataError
        If it cannot be written. What was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "new/c.0"), b"shard")
    ...     [path.name for path in Path(folder, "new").iterdir()]
    ['c.0']
    """
    file = AtomicFile(path)
    file.write(content)
    file.commit()


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


def remove_temporaries_of(path: Path) -> None:
    """Remove what killed attempts to write a file have left beside its place.

    An attempt that goes on meanwhile, of another run on the same results, writes its file again.
    """
    for found in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        found.unlink(missing_ok=True)


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
