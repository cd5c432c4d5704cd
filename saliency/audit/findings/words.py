"""How findings say things: shares, classes, and text from the user's files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


def percent(share: float) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> percent(0.256), percent(float("nan"))
    ('26 %', 'unknown')
    """
    return "unknown" if math.isnan(share) else f"{100 * share:.0f} %"


def counted(count: int, one: str, several: str = "") -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "test"), counted(1200, "test"), counted(0, "class", "classes")
    ('1 test', '1,200 tests', '0 classes')
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def listed(names: Sequence[str]) -> str:
    """List names.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def class_words(evidence: Evidence, index: int) -> tuple[str, dict[str, str]]:
    """Begin a sentence about a class: a template, and the names that belong into it.

    Examples
    --------
    >>> import pandas as pd
    >>> from saliency.audit.evidence import Evidence
    >>> template, names = class_words(Evidence(pd.DataFrame({"class": [3], "name": ["wolf"]})), 3)
    >>> template, template.format(**names)
    ('Class 3{class}', 'Class 3 (wolf)')
    """
    template, names = numbered_class(index, class_name(evidence, index))
    return f"Class {template}", names


def class_name(evidence: Evidence, index: int) -> str:
    """Name of a class; "" where it has none but its index, or no sample is explained for it.

    Examples
    --------
    >>> import pandas as pd
    >>> from saliency.audit.evidence import Evidence
    >>> evidence = Evidence(pd.DataFrame({"class": [3, 4], "name": ["wolf", "4"]}))
    >>> class_name(evidence, 3), class_name(evidence, 4)
    ('wolf', '')
    """
    samples, rows = evidence.samples, evidence.rows_of_class(index)
    name = str(samples["name"].iloc[rows[0]]) if "name" in samples and len(rows) else ""
    return name if name != str(index) else ""


def numbered_class(index: int, name: str) -> tuple[str, dict[str, str]]:
    """Write a class by its index, and its name if it has one: a template, and the name that belongs into it.

    Examples
    --------
    >>> numbered_class(3, "wolf"), numbered_class(4, "4")
    (('3{class}', {'class': ' (wolf)'}), ('4{class}', {'class': ''}))
    """
    return f"{int(index)}{{class}}", {"class": f" ({name})" if name and name != str(int(index)) else ""}


def escape_markdown(text: str) -> str:
    r"""Make text from a file stand for itself in Markdown: no emphasis, links, HTML or line breaks.

    Examples
    --------
    >>> print(escape_markdown("<b>site_1</b> [x](y)"))
    \<b\>site\_1\<\/b\> \[x\]\(y\)
    """
    return re.sub(r"([!-+./:-@\[-`{-~])", r"\\\1", re.sub(r"\s+", " ", text))
