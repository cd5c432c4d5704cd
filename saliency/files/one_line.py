"""Text of others on one line, and no more lines of one kind than are read."""

import re
from collections.abc import Sequence

# More lines of one kind say nothing new, and hide what else is wrong.
MOST = 10


def one_line(text: str) -> str:
    r"""Escape what breaks lines, for messages that quote what others wrote.

    Examples
    --------
    >>> print(one_line("there is no file 'a\nb'"))
    there is no file 'a\nb'
    """
    return re.sub(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", lambda found: repr(found[0])[1:-1], text)


def first_lines(lines: Sequence[str], place: str) -> list[str]:
    """The first of some lines of one kind, and how many more there are.

    Parameters
    ----------
    lines
        Messages.
    place
        What the last line begins with.

    Examples
    --------
    >>> first_lines([f"m.csv: line {number}: is bad" for number in range(2, 15)], "m.csv")[9:]
    ['m.csv: line 11: is bad', 'm.csv: 3 more of this kind']
    """
    # A single one is shown, since the line that counts it would be as long.
    if len(lines) <= MOST + 1:
        return list(lines)
    return [*lines[:MOST], f"{place}: {len(lines) - MOST} more of this kind"]
