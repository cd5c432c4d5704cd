"""Files before they are decoded: what is refused, and in which words."""

import stat
from pathlib import Path

from saliency.exceptions import InputError, Status

REPLACE = "replace the file or remove the row"
# Pillow refuses images of more pixels as decompression bombs; the limit also holds for what an image is enlarged to.
LARGEST_IMAGE = 2 * 89_478_485


def check_file(path: Path) -> None:
    """Refuse what is no file with something in it, before a library words it in its own way or waits for a pipe.

    Raises
    ------
    InputError
        If there is no such file, or it may not be read, is empty, or is a folder or device.
    """
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            with path.open("rb"):
                pass
    except FileNotFoundError:
        raise InputError(Status.MISSING, "there is no such file: correct the path or remove the row") from None
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        raise _unopened(error) from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
        raise InputError(Status.UNREADABLE, f"is {what}, not a file: correct the path or remove the row")
    if found.st_size == 0:
        raise InputError(Status.UNREADABLE, f"is empty, it has 0 bytes: {REPLACE}")


def check_folder(path: Path) -> None:
    """Refuse what is no folder with something in it, as `check_file` does for files.

    Raises
    ------
    InputError
        If there is no such folder, or it may not be read, is empty, or is a file.
    """
    try:
        empty = next(path.iterdir(), None) is None
    except FileNotFoundError:
        raise InputError(Status.MISSING, "there is no such folder: correct the path or remove the row") from None
    except NotADirectoryError:
        raise InputError(Status.UNREADABLE, "is a file, not a folder: correct the path or remove the row") from None
    except (OSError, ValueError) as error:
        raise _unopened(error) from error
    if empty:
        raise InputError(Status.UNREADABLE, "is an empty folder: fill the folder or remove the row")


def _unopened(error: OSError | ValueError) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(
        Status.UNREADABLE, f"cannot be opened ({reason}): correct the path or its permissions, or remove the row"
    )


def words_of(error: Exception, path: Path | None) -> str:
    r"""What another library says about a file, on one line and without the folder, which messages name already.

    Examples
    --------
    >>> words_of(OSError("cannot read /data/a.png\n  at all"), Path("/data/a.png"))
    'cannot read a.png at all'
    """
    words = str(error) if path is None else str(error).replace(str(path), path.name)
    return " ".join(words.split()) or type(error).__name__
