"""Addresses within the page: the part after ``#`` says what is shown, and how."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def page_link(view: str, item: str | None = None, settings: Mapping[str, str] | None = None) -> str:
    """Write an address as ``assets/state.js`` reads it.

    Examples
    --------
    >>> page_link("gallery", None, {"class": "3", "col.site": "a b"})
    '#/gallery?class=3&col.site=a%20b'
    >>> page_link("sample", "s/1")
    '#/sample/s%2F1'
    """
    path = f"#/{view}" if item is None else f"#/{view}/{quote(item, safe='')}"
    return f"{path}?{urlencode(settings, quote_via=quote)}" if settings else path
