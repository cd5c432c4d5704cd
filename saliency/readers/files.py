"""Files before they are decoded: what is refused, and in which words."""

import stat
from pathlib import Path

from saliency.exceptions import InputError, Status

REPLACE = "replace the file or remove the row"


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
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            Status.UNREADABLE, f"cannot be opened ({reason}): correct the path or its permissions, or remove the row"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
        raise InputError(Status.UNREADABLE, f"is {what}, not a file: correct the path or remove the row")
    if found.st_size == 0:
        raise InputError(Status.UNREADABLE, f"is empty, it has 0 bytes: {REPLACE}")


def words_of(error: Exception, path: Path) -> str:
    r"""What another library says about a file, on one line and without the folder, which messages name already.

    Examples
    --------
    >>> words_of(OSError("cannot read /data/a.png\n  at all"), Path("/data/a.png"))
    'cannot read a.png at all'
    """
    return " ".join(str(error).replace(str(path), path.name).split()) or type(error).__name__
