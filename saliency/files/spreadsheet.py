"""Tables as CSV that a spreadsheet can open safely."""

import re

import pandas as pd

# What a spreadsheet may take for a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = re.compile(r"[=+\-@\t\n＝＋－＠]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def spreadsheet_safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; numbers stay numbers.

    Carriage returns become line feeds: not every CSV writer puts quotes around them, and what follows one would begin a
    new cell.

    Examples
    --------
    >>> [spreadsheet_safe(text) for text in ("=1+1", "-3.5", "@home", "a=b")]
    ["'=1+1", '-3.5', "'@home", 'a=b']
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def csv_bytes(table: pd.DataFrame, float_format: str = "%.6f") -> bytes:
    """Encode a table as CSV that is safe to open in a spreadsheet: cells and column names are `spreadsheet_safe`."""
    safe = table.rename(columns=spreadsheet_safe)
    for name in safe:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(spreadsheet_safe, na_action="ignore")
    return safe.to_csv(index=False, float_format=float_format).encode()
