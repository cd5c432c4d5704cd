"""Which files in a store on the network can be read: those that are one file, which is copied to be opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.files.members import INSIDE, split_member
from saliency.files.remote import is_remote, url_of, url_problem
from saliency.files.stores import on_disk

if TYPE_CHECKING:
    from saliency.readers.reader import Reader


def remote_problem(path: Path, reader: Reader) -> str | None:
    """What stands against a file in a store; None where nothing does.

    Parameters
    ----------
    path
        As `saliency.files.paths.resolve` gives it.
    reader
        That of the file.

    Examples
    --------
    >>> from saliency.readers.registered import reader_of
    >>> path = Path("s3://bucket/scan.mhd")
    >>> remote_problem(path, reader_of(path, "3D")).partition(",")[0]
    'can have another file beside it'
    """
    if problem := url_problem(url_of(remote_file(path, reader))):
        return problem
    if reader.folders:
        return "is a folder in a store, which is not fetched: copy it to a disk, and name it there"
    if path.name.lower().endswith(reader.accompanied):
        return "can have another file beside it, which is not fetched: copy both to a disk, and name it there"
    return None


def remote_file(path: Path, reader: Reader) -> Path:
    """The file itself, without the number of a frame; other parts of a file are none of a store."""
    return split_member(path)[0] if reader.members and INSIDE not in str(path) else path


@contextmanager
def opened_on_disk(path: Path, reader: Reader) -> Iterator[Path]:
    """What a reader opens, and has let pass: the file itself, or a copy of one in a store, which then is removed.

    Raises
    ------
    InputError
        If it cannot be used, as `saliency.readers.reader.Reader.check` says, or `remote_problem`.
    DataError
        If it cannot be fetched.
    """
    if not is_remote(path):
        reader.check(path)
        yield path
        return
    if problem := remote_problem(path, reader):
        raise InputError(Status.UNSUPPORTED, problem)
    file = remote_file(path, reader)
    frame = str(path).removeprefix(str(file))
    with on_disk(file) as copy:
        found = Path(f"{copy}{frame}")
        reader.check(found)
        yield found
