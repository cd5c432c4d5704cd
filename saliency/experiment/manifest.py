"""The table of samples: reading it, and finding everything that is wrong with it at once."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from saliency.experiment.outputs import PATTERNS
from saliency.files.one_line import one_line
from saliency.files.paths import is_file, made_by_rule, resolve

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Columns that predictions.csv adds.
OUTPUT_COLUMNS = ("predicted_class", "predicted_name", "probability", "correct", "status")
# By what labels are: further ones.
FURTHER_COLUMNS = {"classes": ("predicted_classes", "probabilities"), "numbers": ("value", "error")}


def read_manifest(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV or TSV manifest.

    Parameters
    ----------
    path
        Tab-separated if it ends in ``.tsv``, else comma-separated; UTF-8; first line the column names.

    Returns
    -------
    table
        All values as strings, "" where empty; columns as in the file. Empty if the file cannot be read.
    problems
        One line each for a file that cannot be read and for lines with too many fields.
    """
    try:
        lines = _rows(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return pd.DataFrame(), [f"{path}: cannot be read as a table: {reason}"]
    if not lines:
        return pd.DataFrame(), [f"{path}: cannot be read as a table: it is empty"]
    names, *rows = lines
    header = [name or f"Unnamed: {number}" for number, name in enumerate(names)]
    repeated = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if repeated:
        return pd.DataFrame(), [one_line(f"{path}: the header has column '{name}' more than once") for name in repeated]
    width, problems = len(header), []
    if any(len(fields) != width for fields in rows):
        problems = [
            f"{path}: line {number}: has {len(fields)} fields, but the header has {width}: put quotes around commas"
            for number, fields in zip(line_numbers(path, len(rows)), rows, strict=True)
            if any(fields[width:])
        ]
        rows = [(fields + [""] * width)[:width] for fields in rows]
    return pd.DataFrame(rows, columns=header, dtype=str), problems


def _reader(file: TextIO, path: Path) -> Any:
    # Not strict, a quotation mark that is never closed would swallow all further samples.
    return csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)


def _rows(path: Path) -> list[list[str]]:
    """Rows of a file, the header first; none for blank lines."""
    # Every job reads a manifest, and numbering its lines takes as long as reading them: messages alone need that.
    with path.open(encoding="utf-8-sig", newline="") as file, suppress(csv.Error):
        return [fields for fields in _reader(file, path) if fields]
    return [fields for _, fields in _numbered_rows(path)]


def _numbered_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of a file, the header first, each with the number of the line on which it begins; none for blank lines."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = _reader(file, path)
        begin = 1
        try:
            for fields in reader:
                if fields:
                    yield begin, fields
                begin = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"line {begin}: {error}; is a quotation mark not closed?") from error


def line_numbers(path: Path, rows: int) -> Sequence[int]:
    """Line on which each row of a table begins: not row + 2 where lines are blank or a field holds a line break."""
    try:
        numbers = [number for number, _ in _numbered_rows(path)][1:]
    except (OSError, ValueError):
        numbers = []
    return numbers if len(numbers) == rows else range(2, rows + 2)


def manifest_problems(
    table: pd.DataFrame,
    path: Path,
    labels_needed: bool = False,
    files: bool = True,
    columns: Sequence[str] = ("path",),
    results: Path | None = None,
    optional: Sequence[str] = (),
    exists: Callable[[Path], bool] = is_file,
    labels: str = "class",
) -> list[str]:
    r"""List everything that is wrong with a manifest, one line each.

    Parameters
    ----------
    table
        From `read_manifest`.
    path
        The manifest; image paths are relative to its folder, and messages name it.
    labels_needed
        Whether the ``label`` column must be there.
    files
        Whether each file must exist.
    columns
        Columns that name files.
    results
        The experiment's results folder: files in it are made by rules and need not exist.
    optional
        Columns that name files, and may be empty.
    exists
        Whether there is such a file, or a folder where a reader opens folders.
    labels
        What the ``label`` column holds, a key of `saliency.experiment.outputs.PATTERNS`.

    Returns
    -------
    list of str
        ``FILE: line N, column NAME: what is wrong``; line 1 is the header.

    Examples
    --------
    >>> table = pd.DataFrame({"id": ["a", "a"], "path": ["x.png", ""]})
    >>> print(*manifest_problems(table, Path("m.csv"), files=False), sep="\n")
    m.csv: line 3, column path: is empty
    m.csv: line 3, column id: 'a' stands in line 2 already
    """
    needed = ["id", *columns, *(["label"] if labels_needed else [])]
    missing = [name for name in needed if name not in table]
    if missing:
        found = ", ".join(map(str, table.columns))
        return [one_line(f"{path}: column '{name}' is missing; the header has: {found}") for name in missing]
    if table.empty:
        return [f"{path}: has no rows"]

    lines = line_numbers(path, len(table))
    problems = [
        f"{path}: column '{name}' is one that predictions.csv adds: rename it"
        for name in (*OUTPUT_COLUMNS, *FURTHER_COLUMNS.get(labels, ()))
        if name in table
    ]
    wrong: list[tuple[int, str, str]] = []
    for column in ("id", *columns):
        wrong += [(row, column, "is empty") for row in table.index[table[column] == ""]]
    bad = table.index[(table["id"] != "") & ~table["id"].map(lambda value: bool(ID_PATTERN.fullmatch(value)))]
    wrong += [
        (row, "id", f"{table['id'][row]!r} must be made of up to 128 letters, digits, '.', '_' and '-': it names files")
        for row in bad
    ]
    first = {value: row for row, value in reversed(list(enumerate(table["id"])))}
    wrong += [
        (row, "id", f"'{table['id'][row]}' stands in line {lines[first[table['id'][row]]]} already")
        for row in table.index[table["id"].duplicated() & (table["id"] != "")]
    ]
    if "label" in table:
        pattern, said = PATTERNS[labels]
        bad = table.index[~table["label"].str.fullmatch(pattern)]
        wrong += [(row, "label", f"{table['label'][row]!r} is not {said}") for row in bad]
    if files:
        for column in dict.fromkeys([*columns, *optional]):
            for row, name in enumerate(table[column]):
                try:
                    file = resolve(name, path.parent)
                    if name and not (results and made_by_rule(file, results)) and not exists(file):
                        wrong.append((row, column, f"there is no file '{name}'"))
                except FileNotFoundError as error:
                    wrong.append((row, column, str(error)))
    return problems + [one_line(f"{path}: line {lines[row]}, column {column}: {what}") for row, column, what in wrong]
