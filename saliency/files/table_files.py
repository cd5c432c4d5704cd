"""Tables as people have them: CSV with any usual separator and encoding, and Excel's workbooks."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

SEPARATORS = ",;\t|"
WORKBOOKS = (".xlsx", ".xlsm")
# The longer marks first: that of UTF-16 begins that of UTF-32.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHER_TABLES = {
    ".xls": "is a workbook of an old Excel",
    ".ods": "is a workbook of LibreOffice",
    ".numbers": "is a workbook of Numbers",
    ".parquet": "is a Parquet file",
}


def table_rows(path: Path) -> list[list[str]]:
    r"""Read the rows of a table, its header first.

    Parameters
    ----------
    path
        A workbook of Excel (``.xlsx``), of which the first sheet counts; else text, with any usual separator and
        encoding.

    Returns
    -------
    list of list of str
        None for rows in which nothing stands.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no table: what is wrong, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     _ = path.write_text("id; path\n1; a.png\n;\n")
    ...     table_rows(path)
    [['id', 'path'], ['1', 'a.png']]
    """
    if path.suffix.lower() in WORKBOOKS:
        return [fields for _, fields in _workbook_rows(path)]
    # Every job reads a manifest, and numbering its lines takes as long as reading them: messages alone need that.
    with suppress(csv.Error):
        return [fields for fields in _reader(path) if any(fields)]
    return [fields for _, fields in numbered_rows(path)]


def numbered_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows as of `table_rows`, each with the number of the line on which it begins."""
    if path.suffix.lower() in WORKBOOKS:
        yield from _workbook_rows(path)
        return
    reader, begin = _reader(path), 1
    try:
        for fields in reader:
            if any(fields):
                yield begin, fields
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {begin}: {error}; is a quotation mark not closed?") from error


def _reader(path: Path) -> Any:
    """A reader of CSV for a text file, however it holds its table.

    Its byte order mark tells UTF-16 and UTF-32 from UTF-8. What separates its fields is tabs in a file ``.tsv``, else
    commas, unless other separators make a header with a column ``id`` of its first line, or the first line has none
    of them.
    """
    if reason := _OTHER_TABLES.get(path.suffix.lower()):
        raise ValueError(f"it {reason}: save it as .xlsx or CSV")
    text = _decoded(path.read_bytes())
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    if "\0" in first:
        raise ValueError("it holds null bytes, as UTF-16 without a byte order mark does: save it as UTF-8")
    separator = _separator(first, "\t" if path.suffix.lower() == ".tsv" else ",")
    fields = _fields(first, separator)
    spaces = len(fields) > 1 and all(field.startswith(" ") for field in fields[1:])
    # Not strict, a quotation mark that is never closed would swallow all further samples.
    file = io.StringIO(text, newline="")
    return csv.reader(file, delimiter=separator, skipinitialspace=spaces, strict=True)


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{content[error.start]:02x} is no UTF-8" if encoding == "utf-8-sig" else "is cut off"
        raise ValueError(
            f"line {line}: {what}: save the table as UTF-8 ('CSV UTF-8' in Excel), or convert it, for example with "
            "iconv -f WINDOWS-1252 -t UTF-8"
        ) from error


def _separator(line: str, usual: str) -> str:
    if _has_id(line, usual):
        return usual
    other = next((mark for mark in SEPARATORS if _has_id(line, mark)), None)
    if other is None and usual not in line:
        with suppress(csv.Error):
            other = csv.Sniffer().sniff(line, SEPARATORS).delimiter
    return other or usual


def _has_id(line: str, separator: str) -> bool:
    return "id" in (field.strip().lower() for field in _fields(line, separator))


def _fields(line: str, separator: str) -> list[str]:
    """Fields of a first line; none where a quotation mark is closed on a later one."""
    with suppress(csv.Error, StopIteration):
        return next(csv.reader([line], delimiter=separator, strict=True))
    return []


def _workbook_rows(path: Path) -> list[tuple[int, list[str]]]:
    import pandas as pd

    try:
        table = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, na_values=[], engine="openpyxl")
    except ImportError as error:
        what = "workbooks need openpyxl: pip install openpyxl (the extra 'excel'), or save it as CSV"
        raise ValueError(what) from error
    # Whatever is wrong with it surfaces here, in whatever way.
    except Exception as error:
        raise ValueError(f"it is no workbook that openpyxl reads ({error}): save it again, or as CSV") from error
    rows = table.fillna("").to_numpy().tolist()
    return [(number, fields) for number, fields in enumerate(rows, start=1) if any(fields)]
