"""Text of others on one line."""

import re


def one_line(text: str) -> str:
    r"""Escape what breaks lines, for messages that quote what others wrote.

    Examples
    --------
    >>> print(one_line("there is no file 'a\nb'"))
    there is no file 'a\nb'
    """
    return re.sub(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", lambda found: repr(found[0])[1:-1], text)
