"""Names of what lies inside a file: ``file.h5::/images#7``, ``shard.tar::0001.jpg``, ``scan.dcm#3``."""

from functools import lru_cache
from pathlib import Path

INSIDE, NUMBER = "::", "#"


def split_member(path: Path) -> tuple[Path, str]:
    """The file, and what is meant of it: what follows ``::``, else a number after ``#``; "" for all of it.

    Examples
    --------
    >>> file, member = split_member(Path("data/file.h5::/images#7"))
    >>> file.as_posix(), member
    ('data/file.h5', '/images#7')
    >>> split_member(Path("scan.dcm#3"))[1], split_member(Path("a#b.png"))[1]
    ('#3', '')
    """
    text = str(path)
    file, inside, member = text.partition(INSIDE)
    if inside:
        return _path(file), member
    file, inside, member = text.rpartition(NUMBER)
    return (_path(file), NUMBER + member) if inside and member.isdecimal() else (path, "")


@lru_cache(maxsize=64)
def _path(file: str) -> Path:
    # Planning 100,000 rows of one file would spend seconds on taking its path apart.
    return Path(file)


def split_number(member: str) -> tuple[str, int | None]:
    """Name of an array and the number of a row in it, None where there is none.

    Examples
    --------
    >>> split_number("/images#7"), split_number("#7"), split_number("images")
    (('/images', 7), ('', 7), ('images', None))
    """
    name, inside, number = member.rpartition(NUMBER)
    return (name, int(number)) if inside and number.isdecimal() else (member, None)
