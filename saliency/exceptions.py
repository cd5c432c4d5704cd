"""Everything that is raised on purpose, and who can mend it.

    Exception
    ├── DataError       the user's data, config or disk: the job ends with the message, without a traceback
    │   └── ShardError  a shard file that cannot be decoded: the next run makes it again
    └── InputError      one sample that cannot be used: it costs no other sample its result

Wrong arguments of the library's functions are a ``ValueError`` that says what to pass.
"""

import traceback
from enum import IntEnum
from pathlib import Path

# Of what other code says in one line, the first so many characters are shown.
_SHOWN = 300


class DataError(Exception):
    """Something that the user's data, config or disk is the cause of; its lines say what to do."""


class Status(IntEnum):
    """What became of a sample."""

    OK = 0
    MISSING = 1
    UNREADABLE = 2
    WRONG_SHAPE = 3
    NOT_FINITE = 4
    UNSUPPORTED = 5
    EMPTY = 6

    @property
    def reason(self) -> str:
        """One line for tables and figures."""
        return {
            Status.OK: "",
            Status.MISSING: "there is no such file",
            Status.UNREADABLE: "the file cannot be decoded",
            Status.WRONG_SHAPE: "the file does not have the configured shape",
            Status.NOT_FINITE: "the values are not all finite",
            Status.UNSUPPORTED: "the file holds no kind of data that can be used",
            Status.EMPTY: "the values that count are all the same",
        }[self]


class InputError(Exception):
    """A sample that cannot be used; the message is one line, ``what is wrong: what to do``.

    Attributes
    ----------
    status
        The kind of failure.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


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


def in_one_line(error: BaseException) -> str:
    """Class and message of an exception of other code, and where it was raised.

    Examples
    --------
    >>> in_one_line(KeyError("size"))
    "KeyError: 'size'"
    """
    text = " ".join(str(error).split())
    text = f"{text[:_SHOWN]} …" if len(text) > _SHOWN else text
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{f': {text}' if text else ''}{place}"
