"""The table of samples: reading it, and finding everything that is wrong with it at once."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from saliency.experiment.columns import colliding_columns, column_names, missing_column
from saliency.experiment.labels import order_problems, settle_labels
from saliency.files.file_names import file_name
from saliency.files.one_line import first_lines, one_line
from saliency.files.paths import is_file, made_by_rule, no_file, resolve
from saliency.files.spreadsheet import spreadsheet_safe
from saliency.files.table_files import numbered_rows, table_rows

# Longer ones are no names: a quotation mark was forgotten.
_LONGEST_ID = 200


def read_manifest(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a manifest.

    Parameters
    ----------
    path
        CSV or a workbook, as `saliency.files.table_files.table_rows` reads them; first line the column names.

    Returns
    -------
    table
        All values as strings, "" where empty; columns as in the file, but that those that are known by name are
        written as `column_names` does, and that empty ones without a name are left out. Empty if the file cannot be
        read.
    problems
        One line each for a file that cannot be read and for lines with too many fields.
    """
    try:
        lines = table_rows(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return pd.DataFrame(), [one_line(f"{path}: cannot be read as a table: {reason}")]
    if not lines:
        return pd.DataFrame(), [f"{path}: cannot be read as a table: it is empty"]
    names, *rows = lines
    header = [name or f"Unnamed: {number}" for number, name in enumerate(column_names(names))]
    repeated = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if repeated:
        return pd.DataFrame(), [one_line(f"{path}: the header has column '{name}' more than once") for name in repeated]
    width, problems = len(header), []
    if any(len(fields) != width for fields in rows):
        surplus = [
            f"{path}: line {number}: has {len(fields)} fields, but the header has {width}: put quotes around commas"
            for number, fields in zip(line_numbers(path, len(rows)), rows, strict=True)
            if any(fields[width:])
        ]
        problems = first_lines(surplus, str(path))
        rows = [(fields + [""] * width)[:width] for fields in rows]
    table = pd.DataFrame(rows, columns=header, dtype=str)
    # Excel leaves commas where cells were once filled.
    unused = [new for new, name in zip(header, names, strict=True) if not name and not table[new].any()]
    return table.drop(columns=unused), problems


def line_numbers(path: Path, rows: int) -> Sequence[int]:
    """Line on which each row of a table begins: not row + 2 where lines are blank or a field holds a line break."""
    try:
        numbers = [number for number, _ in numbered_rows(path)][1:]
    except (OSError, ValueError):
        numbers = []
    return numbers if len(numbers) == rows else range(2, rows + 2)


def manifest_problems(
    table: pd.DataFrame,
    path: Path,
    labels_needed: bool = False,
    files: bool = True,
    columns: Sequence[str] = ("path",),
    made: Sequence[str] = (),
    optional: Sequence[str] = (),
    exists: Callable[[Path], bool] = is_file,
    labels: str = "class",
    class_names: Mapping[str, Sequence[str]] | None = None,
    measured: Sequence[str] | None = None,
) -> list[str]:
    r"""List everything that is wrong with a manifest, one line each.

    Parameters
    ----------
    table
        From `read_manifest`.
    path
        The manifest; image paths are relative to its folder, and messages name it.
    labels_needed
        Whether the ``label`` column must be there, with a label of any sample.
    files
        Whether each file must exist.
    columns
        Columns that name files.
    made
        Places where rules make files, which need not exist.
    optional
        Columns that name files, and may be empty.
    exists
        Whether there is such a file, or a folder where a reader opens folders.
    labels
        What the ``label`` column holds, a key of `saliency.experiment.outputs.PATTERNS`.
    class_names
        By model, of those that have some.
    measured
        Names of the measures of the maps; None where nothing is measured.

    Returns
    -------
    list of str
        ``FILE: line N, column NAME: what is wrong``; line 1 is the header. Of one kind, the first ten.

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
        return [one_line(f"{path}: {missing_column(name, list(table.columns))}") for name in missing]
    if table.empty:
        return [f"{path}: has no rows"]

    lines = line_numbers(path, len(table))
    problems = [one_line(f"{path}: {what}") for what in colliding_columns(map(str, table.columns), labels, measured)]
    # By column and kind: rows, each with what is wrong there.
    wrong: list[tuple[str, list[tuple[int, str]]]] = [
        (column, [(row, "is empty") for row in table.index[table[column] == ""]]) for column in ("id", *columns)
    ]
    wrong.append(("id", _bad_ids(table["id"])))
    first = {value: row for row, value in reversed(list(enumerate(table["id"].tolist())))}
    repeated = table.index[table["id"].duplicated() & (table["id"] != "")]
    again = [(row, table["id"][row]) for row in repeated]
    wrong.append(("id", [(row, f"'{value}' stands in line {lines[first[value]]} already") for row, value in again]))
    if "label" in table:
        settled = settle_labels(table["label"].tolist(), labels, class_names or {})
        wrong.append(("label", settled.problems))
        problems += [f"{path}: column label: {what}" for what in order_problems(class_names or {}, settled)]
        if labels_needed and labels == "class" and not any(settled.values):
            problems.append(f"{path}: column label: is empty in all rows, but the config asks for labels: fill it in")
    if files:
        wrong += _absent_files(table, path, [*columns, *optional], made, exists)
    for column, found in wrong:
        of_kind = [one_line(f"{path}: line {lines[row]}, column {column}: {what}") for row, what in found]
        problems += first_lines(of_kind, f"{path}: column {column}")
    return problems


def _bad_ids(ids: "pd.Series[str]") -> list[tuple[int, str]]:
    """Ids that cannot be told from others where they are shown."""
    found = []
    # Most manifests have ids that name files as they are.
    names = [file_name(value) for value in ids.tolist()]
    for row, (value, name) in enumerate(zip(ids.tolist(), names, strict=True)):
        if name == value or not value:
            continue
        if spreadsheet_safe(value) != value and value == value.strip():
            found.append((row, f"{value!r} begins as a formula of a spreadsheet does: put a letter before it"))
        elif value != value.strip():
            found.append((row, f"{value!r} begins or ends with a space: remove it"))
        elif any(_steers(letter) for letter in value):
            found.append((row, f"{value!r} holds a line break or another control character: remove it"))
        elif len(value) > _LONGEST_ID:
            found.append((row, f"{value[:20]!r}… has {len(value)} characters: shorten it to at most {_LONGEST_ID}"))
    named = pd.Series(names)
    same = named.duplicated(keep=False) & ~ids.duplicated(keep=False).to_numpy()
    rows = named.index[same]
    return found + [(row, f"{ids[row]!r} would name the same files as another id: change it") for row in rows]


def _steers(letter: str) -> bool:
    """Whether a character is not shown, but breaks lines or turns the direction of writing."""
    turns = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(letter) in turns


def _absent_files(
    table: pd.DataFrame, path: Path, columns: Sequence[str], made: Sequence[str], exists: Callable[[Path], bool]
) -> list[tuple[str, list[tuple[int, str]]]]:
    absent = []
    for column in dict.fromkeys(columns):
        found = []
        for row, name in enumerate(table[column].tolist()):
            try:
                file = resolve(name, path.parent)
                if name and not made_by_rule(file, made) and not exists(file):
                    found.append((row, no_file(name, path.parent)))
            except FileNotFoundError as error:
                found.append((row, str(error)))
        absent.append((column, found))
    return absent
