"""Which files are read while something runs, as Python's audit events tell it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_watching: list[tuple[set[str], set[str]]] = []


@contextmanager
def read_files() -> Iterator[set[Path]]:
    """Find out which files are read in a block, by any thread.

    Yields
    ------
    set of Path
        Filled when the block ends: files that were opened to be read, and not to be written. What compiled code opens
        without Python (safetensors) does not show.

    Examples
    --------
    >>> with read_files() as found:
    ...     text = Path(__file__).read_text(encoding="utf-8")
    >>> Path(__file__) in found
    True
    """
    _listen()
    found: set[Path] = set()
    read, written = opened = set[str](), set[str]()
    _watching.append(opened)
    try:
        yield found
    finally:
        # Equal sets of another block are another.
        _watching[:] = [one for one in _watching if one is not opened]
        found |= {Path(name) for name in read - written if os.path.isfile(name)}  # noqa: PTH113 (raises for no name)


@cache
def _listen() -> None:
    # Python has no way to take it off again.
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _watching or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    name, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[2]  # noqa: PTH100 (no Path for each file)
    for read, written in _watching:
        (written if flags & (os.O_WRONLY | os.O_RDWR) else read).add(name)
