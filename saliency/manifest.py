"""The table of samples: reading it, and finding everything that is wrong with it at once."""

import re
from pathlib import Path

import pandas as pd

from saliency.paths import resolve

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Columns that predictions.csv adds.
OUTPUT_COLUMNS = ("predicted_class", "predicted_name", "probability", "correct", "status")


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
    problems: list[str] = []

    def too_long(fields: list[str]) -> None:
        problems.append(f"{path}: the line that begins with '{fields[0]}' has more fields than the header")

    try:
        table = pd.read_csv(
            path,
            sep="\t" if path.suffix.lower() == ".tsv" else ",",
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            engine="python",
            on_bad_lines=too_long,
            index_col=False,
        )
    except (OSError, UnicodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return pd.DataFrame(), [f"{path}: cannot be read as a table: {reason}"]
    return table.fillna(""), problems


def manifest_problems(table: pd.DataFrame, path: Path, labels_needed: bool = False, files: bool = True) -> list[str]:
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
    needed = ["id", "path", *(["label"] if labels_needed else [])]
    missing = [name for name in needed if name not in table]
    if missing:
        found = ", ".join(map(str, table.columns))
        return [f"{path}: column '{name}' is missing; the header has: {found}" for name in missing]
    if table.empty:
        return [f"{path}: has no rows"]

    problems = [
        f"{path}: column '{name}' is one that predictions.csv adds: rename it"
        for name in OUTPUT_COLUMNS
        if name in table
    ]
    wrong: list[tuple[int, str, str]] = []
    for column in ("id", "path"):
        wrong += [(row, column, "is empty") for row in table.index[table[column] == ""]]
    bad = table.index[(table["id"] != "") & ~table["id"].map(lambda value: bool(ID_PATTERN.fullmatch(value)))]
    wrong += [
        (row, "id", f"{table['id'][row]!r} must be made of up to 128 letters, digits, '.', '_' and '-': it names files")
        for row in bad
    ]
    first = {value: row for row, value in reversed(list(enumerate(table["id"])))}
    wrong += [
        (row, "id", f"'{table['id'][row]}' stands in line {first[table['id'][row]] + 2} already")
        for row in table.index[table["id"].duplicated() & (table["id"] != "")]
    ]
    if "label" in table:
        bad = table.index[~table["label"].str.fullmatch(r"[0-9]{0,9}")]
        wrong += [(row, "label", f"{table['label'][row]!r} is not a class index (0, 1, …) or empty") for row in bad]
    if files:
        for row, name in table["path"].items():
            try:
                if name and not resolve(name, path.parent).is_file():
                    wrong.append((row, "path", f"there is no file '{name}'"))
            except FileNotFoundError as error:
                wrong.append((row, "path", str(error)))
    return problems + [f"{path}: line {row + 2}, column {column}: {what}" for row, column, what in wrong]
