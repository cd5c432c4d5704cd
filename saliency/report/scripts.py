"""Data for the page, as scripts: a browser that opens a file reads no other files, but runs scripts beside it."""

import base64
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from saliency.files.json_values import plain


def script_json(content: object) -> str:
    r"""Write JSON that may stand inside an HTML document: nothing in it ends a script element or a line.

    NaN becomes null.

    Examples
    --------
    >>> print(script_json({"name": "</script>", "share": float("nan")}))
    {"name":"\u003c/script\u003e","share":null}
    """
    text = json.dumps(plain(content), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def data_script(name: str, content: object) -> bytes:
    r"""Write a script that hands data to the page under a name.

    Examples
    --------
    >>> data_script("samples", [1, 2])
    b'report.add("samples",[1,2]);\n'
    """
    return f"report.add({script_json(name)},{script_json(content)});\n".encode()


def codes(values: Sequence[str]) -> dict[str, list[Any]]:
    """Write a column of texts that repeat: the different ones, and for each row which it is.

    Examples
    --------
    >>> codes(["b", "a", "b"])
    {'values': ['b', 'a'], 'codes': [0, 1, 0]}
    """
    numbers, names = pd.factorize(np.asarray(values, dtype=object))
    return {"values": list(names), "codes": numbers.tolist()}


def numbers(values: pd.Series) -> list[float | int | None]:
    """Write a column of numbers with five digits; what is missing becomes null.

    Examples
    --------
    >>> numbers(pd.Series([0.123456789, np.nan, 2.0]))
    [0.12346, None, 2]
    """
    found = values.to_numpy(dtype=float, na_value=np.nan)
    return [_short(value) if math.isfinite(value) else None for value in found.tolist()]


def packed(values: np.ndarray, kind: str = "<f4") -> str:
    """Write numbers as their bytes in Base64, as ``assets/packed.js`` reads them: any row without the others.

    Parameters
    ----------
    values
        ``(n,)``, or ``(n, k)`` with rows of a multiple of three bytes.
    kind
        NumPy's name of how each is stored. A column is filled up to whole groups of three bytes.

    Examples
    --------
    >>> packed(np.array([1.0, np.nan]))
    'AACAPwAAwH8AAAAA'
    """
    content = values.astype(kind).tobytes()
    return base64.b64encode(content + bytes(-len(content) % 12)).decode()


def _short(value: float) -> float | int:
    return int(value) if value == int(value) else float(f"{value:.5g}")
