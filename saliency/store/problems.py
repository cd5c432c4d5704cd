"""What can be wrong with a file of a store, and what to do about it."""

from dataclasses import dataclass
from pathlib import Path

ADVICE = {
    "missing": "run the workflow to make it",
    "damaged": "delete it (--delete-bad), then run the workflow",
    "unreadable": "let it be read",
    "out of date": "run the workflow to make it again",
    "temporary": "left by a job that was killed: delete it (--delete-bad)",
    "mixed": "delete the shards of one kind and run the workflow, unless the difference does not matter to you",
    "not listed": "delete it if you do not need it",
}


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with one file.

    Attributes
    ----------
    path
        The file.
    kind
        A key of `ADVICE`.
    what
        What is wrong.
    """

    path: Path
    kind: str
    what: str

    @property
    def bad(self) -> bool:
        """Whether the file can only be deleted; what is out of date still holds results."""
        return self.kind in ("damaged", "temporary")

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.what}; {ADVICE[self.kind]}"


@dataclass
class Count:
    """What was found of one array."""

    model: str
    array: str
    shards: int = 0
    samples: int = 0
    ok: int = 0
    missing: int = 0
    damaged: int = 0
    out_of_date: int = 0
    bytes: int = 0
