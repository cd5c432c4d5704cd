"""The manifest of a dataset: from a folder, or from a table that there is already."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from saliency.exceptions import DataError
from saliency.experiment.columns import MEASURED_COLUMNS, OUTPUT_COLUMNS, column_names, meant
from saliency.experiment.labels import settle_labels
from saliency.files.paths import is_file, is_folder, resolve
from saliency.files.table_files import table_rows
from saliency.methods.registered import methods
from saliency.metrics.table import measure_columns
from saliency.start.sample_files import DICOM, PICTURES, VOLUMES, Kind, found_files, samples_of


@dataclass
class Dataset:
    """What is known of a dataset.

    Attributes
    ----------
    table
        One row per sample; ``path`` and ``mask`` as absolute paths.
    kind
        What the samples are.
    classes
        Names of the classes, in the order of their indices; empty where labels are indices, or there are none.
    said
        What was taken for what, one line each.
    """

    table: pd.DataFrame
    kind: Kind
    classes: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def mode(self) -> str:
        """The config's ``input.mode``."""
        if self.kind == "DICOM":
            return "3D" if is_folder(Path(self.table["path"].iloc[0])) else "2D"
        return "2D" if self.kind == "pictures" else "3D"


def dataset_of(place: Path) -> Dataset:
    """Read what a folder or a table holds.

    Raises
    ------
    DataError
        If nothing in it can be a sample.
    """
    return _of_folder(place) if is_folder(place) else _of_table(place)


def _of_folder(folder: Path) -> Dataset:
    found = found_files(folder)
    kind = max(found, key=lambda name: len(found[name]))
    if not found[kind]:
        raise DataError(
            f"{folder}: holds no picture, volume or DICOM file ({', '.join((*PICTURES, *VOLUMES, *DICOM))}): give the "
            "folder of the samples, or a table that names them"
        )
    samples, said = samples_of(found[kind])
    said = [f"{len(samples)} {'DICOM series or files' if kind == 'DICOM' else kind}", *said]
    said += [f"left out: {len(files)} {name}" for name, files in found.items() if files and name != kind]
    columns: dict[str, list[str]] = {
        "id": _ids([sample.path for sample in samples]),
        "path": [str(folder / sample.path) for sample in samples],
        "label": [sample.label for sample in samples],
        "split": [sample.split for sample in samples],
        "mask": [str(folder / sample.mask) if sample.mask else "" for sample in samples],
    }
    for name, _ in samples[0].columns:
        columns[name] = [dict(sample.columns).get(name, "") for sample in samples]
    table = pd.DataFrame({name: values for name, values in columns.items() if any(values)}, dtype=str)
    dataset = Dataset(table, kind, said=said)
    if "label" in table:
        _number_classes(dataset)
    tables = sorted(path.name for path in folder.glob("*.csv"))
    if tables and "label" not in table:
        said.append(f"{', '.join(tables)} was not read: init {folder / tables[0]} takes its columns")
    return dataset


def _ids(paths: Sequence[Path]) -> list[str]:
    """Names of files without their endings; with their folders, and with endings, where names are not unique."""

    def stem(path: Path) -> str:
        endings = [ending for ending in (*VOLUMES, *PICTURES, *DICOM) if path.name.lower().endswith(ending)]
        return path.name[: -len(max(endings, key=len))] if endings else path.name

    for ids in ([stem(path) for path in paths], [path.with_name(stem(path)).as_posix() for path in paths]):
        if len(set(ids)) == len(ids):
            return ids
    return [path.as_posix() for path in paths]


def _number_classes(dataset: Dataset) -> None:
    """Give names to the classes of folders. Numbers would be taken for class indices, which they may not be."""
    labels, names = dataset.table["label"], sorted(set(dataset.table["label"]))
    if settle_labels(names, "class", {}).names != names and names != [str(index) for index in range(len(names))]:
        dataset.table["label"] = "class " + labels
        names = [f"class {name}" for name in names]
    dataset.classes = names


def _of_table(path: Path) -> Dataset:
    try:
        header, *rows = table_rows(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{path}: cannot be read as a table: {reason}") from error
    if not rows:
        raise DataError(f"{path}: has no rows")
    width = len(header)
    table = pd.DataFrame([(row + [""] * width)[:width] for row in rows], columns=column_names(header), dtype=str)
    table = table.drop(columns=[name for name in table.columns if not name])
    said = [f"{len(table)} rows"]
    folder, column = _path_column(table, path)
    said.append(f"column path: '{column}'" + (f", in {folder}" if folder != path.parent else ""))
    names = [str(folder / resolve(name, folder)) if name else "" for name in table[column]]
    taken = {column}
    columns = {"id": _id_column(table, column, said, taken), "path": names}
    label = "label" if "label" in table else meant("label", table.columns)
    if label and label not in taken:
        said.append(f"column label: '{label}'")
        columns["label"] = table[label].tolist()
        taken.add(label)
    mask = "mask" if "mask" in table else meant("mask", table.columns)
    if mask and mask not in taken and all(is_file(resolve(name, folder)) for name in table[mask] if name):
        said.append(f"column mask: '{mask}'")
        columns["mask"] = [str(resolve(name, folder)) if name else "" for name in table[mask]]
        taken.add(mask)
    added = {*OUTPUT_COLUMNS, *MEASURED_COLUMNS, *measure_columns(2, methods()), *measure_columns(3, methods())}
    for name in table:
        if name not in taken:
            new = f"{name}_given" if name in added or name in columns else str(name)
            said += [f"column {new}: '{name}', which is the name of a column of the results"] if new != name else []
            columns[new] = table[name].tolist()
    ending = names[0].lower()
    kind: Kind = "volumes" if ending.endswith(VOLUMES) else "DICOM" if ending.endswith(DICOM) else "pictures"
    dataset = Dataset(pd.DataFrame(columns, dtype=str), kind, said=said)
    if "label" in columns:
        settled = settle_labels(columns["label"], "class", {})
        dataset.classes = settled.names
        if settled.problems:
            dataset.table = dataset.table.rename(columns={"label": "label_given"})
            said.append(f"column label was left out, since {settled.problems[0][1]}; it is kept as label_given")
    return dataset


def _path_column(table: pd.DataFrame, path: Path) -> tuple[Path, str]:
    """The column that names files, and the folder in which they lie: that of the table, or one in it."""
    inside = sorted(child for child in path.parent.iterdir() if child.is_dir() and not child.name.startswith("."))
    first = "path" if "path" in table else meant("path", table.columns)
    for folder in (path.parent, *inside):
        for column in dict.fromkeys([*([first] if first else []), *map(str, table.columns)]):
            names = [name for name in table[column].head(20) if name]
            if names and all(is_file(resolve(name, folder)) or is_folder(resolve(name, folder)) for name in names):
                return folder, column
    raise DataError(
        f"{path}: no column names files in {path.parent} or a folder in it; the header has: "
        f"{', '.join(map(str, table.columns))}"
    )


def _id_column(table: pd.DataFrame, column: str, said: list[str], taken: set[str]) -> list[str]:
    for name in dict.fromkeys(["id", meant("id", table.columns)]):
        if name in table and name != column and table[name].is_unique and (table[name] != "").all():
            said.append(f"column id: '{name}'")
            taken.add(str(name))
            return table[name].tolist()
    said.append(f"column id: the files' names in '{column}'")
    ids = _ids([Path(name) for name in table[column]])
    if len(set(ids)) < len(ids):
        said[-1] = "column id: the number of the row, since files come several times"
        return [str(number) for number in range(1, len(ids) + 1)]
    return ids


def relative_to(path: str, folder: Path) -> str:
    """A path as seen from a folder, if it lies in the working directory.

    Others stay absolute, since they are not moved along with the folder.
    """
    here = Path.cwd()
    if not path or not Path(path).is_relative_to(here):
        return path
    return Path(os.path.relpath(path, folder)).as_posix()
