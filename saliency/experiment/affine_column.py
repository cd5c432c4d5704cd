"""The manifest's column ``affine``: of an array, the file that says where its voxels lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saliency.experiment.config import Config
from saliency.files.members import INSIDE
from saliency.files.paths import is_file, no_file, resolve
from saliency.readers.registered import reader_of

if TYPE_CHECKING:
    import pandas as pd

AFFINE = "affine"


def with_affines(table: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Put the files of the column behind the names of the arrays, ``scan.npy::scan.txt``; other tables stay.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": ["a"], "path": ["arrays/a.npy"], "affine": ["affines/a.txt"]})
    >>> with_affines(table, {"input": {"mode": "3D"}})["path"].tolist()
    ['arrays/a.npy::../affines/a.txt']
    """
    affines = _affines(table, config)
    if not any(affines):
        return table
    named = {
        column: [
            f"{name}{INSIDE}{_from(name, affine)}" if affine and _takes_one(name) else name
            for name, affine in zip(table[column], affines, strict=True)
        ]
        for column in _columns(table)
    }
    return table.assign(**named)


def affine_problems(table: pd.DataFrame, config: Config, folder: Path) -> list[tuple[int, str]]:
    """Rows of the column that cannot be used, each with what is wrong there.

    Parameters
    ----------
    table
        As it is read from the manifest.
    config
        As it is checked.
    folder
        Of the manifest.
    """
    return list(_problems(table, _affines(table, config), folder))


def _problems(table: pd.DataFrame, affines: Sequence[str], folder: Path) -> Iterator[tuple[int, str]]:
    columns = _columns(table)
    for row, affine in enumerate(affines):
        if not affine:
            continue
        others = [name for name in table.loc[table.index[row], columns] if name and not _takes_one(name)]
        if others:
            yield row, f"'{others[0]}' has its affine in itself or beside it: leave this field empty"
        elif not is_file(resolve(affine, folder)):
            yield row, no_file(affine, folder)


def _affines(table: pd.DataFrame, config: Config) -> list[str]:
    """The column, in capitals or not; empty without it, and for images."""
    column = next((name for name in table.columns if name.lower() == AFFINE), None)
    found: list[str] = [] if column is None or config.get("input", {}).get("mode") != "3D" else table[column].tolist()
    return found


def _columns(table: pd.DataFrame) -> list[str]:
    """Those that name volumes."""
    return [name for name in table.columns if name in ("path", "mask") or name.startswith("path_")]


def _takes_one(name: str) -> bool:
    """Whether an affine's file can be named behind a file: not of files in stores, beside which it has to lie."""
    return INSIDE not in name and "://" not in name and reader_of(Path(name), "3D").affine


def _from(name: str, affine: str) -> str:
    """The affine's file as seen from the folder of the array's, as far as both are told from the manifest's."""
    plain = not (Path(name).is_absolute() or Path(affine).is_absolute() or affine[0] in "~$" or name[0] in "~$")
    return Path(os.path.relpath(affine, Path(name).parent)).as_posix() if plain else affine
