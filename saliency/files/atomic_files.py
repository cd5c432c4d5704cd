"""Files that are whole or not there: written beside their place, then renamed."""

import errno
import json
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from saliency.exceptions import DataError

# Name of a file that is being written; "tempfile" chooses the part before its end.
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")


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
        }.get(error.errno or 0, "mend this")
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
