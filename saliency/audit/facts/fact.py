"""What a fact of a file is, and a group of facts: one object that describes itself, and reads them off an opened file.

A group is one file in this folder, and everything that has to be known of it is read from its object: the columns of
``facts.csv``, digests, and the words of findings. It is imported while jobs are planned, and imports Pillow, SciPy and
nibabel inside its functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from saliency.files.in_words import number

# A number or a text; None and NaN where the file has no such fact.
Value = float | str | None


@dataclass(frozen=True)
class Fact:
    """One column of ``facts.csv``.

    Attributes
    ----------
    name
        Of the column.
    title
        In sentences, without an article: "file size".
    shown
        Writes a value, with its unit. Texts stand for themselves.
    compared
        Whether the test asks what it tells of the label.

    Examples
    --------
    >>> Fact("width", "width", lambda value: f"{number(value)} px").shown(640)
    '640 px'
    """

    name: str
    title: str
    shown: Callable[[float], str] = number
    compared: bool = True


@dataclass(frozen=True)
class FactGroup:
    """Facts that are read off a file together.

    Attributes
    ----------
    name
        In digests.
    summary
        What they are, in one sentence.
    facts
        Columns, in order.
    values
        Reads them off a `saliency.audit.facts.opened.Picture` or `saliency.audit.facts.opened.Volume`, by name.
    mode
        The config's ``input.mode`` whose files have them; None for both.
    content
        Whether they also depend on what the file shows.
    version
        Raise it when a change to the code changes the values: they are then read again.

    Examples
    --------
    >>> group = FactGroup("name", "Length of the name.", (Fact("length", "length"),), lambda _: {"length": 5.0}, None)
    >>> group.values(None)
    {'length': 5.0}
    """

    name: str
    summary: str
    facts: tuple[Fact, ...]
    values: Callable[[Any], Mapping[str, Value]]
    mode: Literal["2D", "3D"] | None
    content: bool = False
    version: int = 1
