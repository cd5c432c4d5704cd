"""Files of a manifest that lie in stores on the network: asked for together, when a run is planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saliency.experiment.config import Config, file_columns
from saliency.files.one_line import first_lines
from saliency.files.paths import REMOTE
from saliency.files.remote import url_of, url_problem, without_secrets
from saliency.files.stores import UNMARKED, UNREACHABLE, ask, missing_packages, packages_needed, stored_fingerprint
from saliency.readers.reader import Mode
from saliency.readers.registered import reader_of
from saliency.readers.remote import remote_file, remote_problem

# The planning process does not wait for pandas.
if TYPE_CHECKING:
    import pandas as pd


def answers_file(config: Config, root: Path = Path()) -> Path:
    """Where the planning process leaves for its jobs what the stores have said.

    Examples
    --------
    >>> answers_file({"experiment": "wolves"}).as_posix()
    '.snakemake/saliency/wolves.stores.json'
    """
    return root / ".snakemake" / "saliency" / f"{config['experiment']}.stores.json"


def ask_stores(config: Config, table: pd.DataFrame) -> None:
    """Ask the stores together for all files that a manifest names there."""
    columns = [column for model in config["models"] for column in file_columns(config, model)]
    ask(files for _, files, problem in _named(table, [*columns, "mask"], config["input"]["mode"]) if not problem)


def store_problems(
    table: pd.DataFrame, path: Path, columns: Sequence[str], mode: Mode
) -> tuple[list[str], frozenset[Path]]:
    """Say which files in stores cannot be read there, and for which of them no store answers.

    Parameters
    ----------
    table
        From `saliency.experiment.manifest.read_manifest`.
    path
        The manifest, which messages name.
    columns
        Columns that name files.
    mode
        The config's ``input.mode``.

    Returns
    -------
    problems
        One line each; of one kind, the first ten.
    paths
        Those that cannot be read in a store, wherever they lie.
    """
    named = _named(table, columns, mode)
    bad = [(name, problem) for name, _, problem in named if problem]
    lines = first_lines([f"{path}: '{without_secrets(name)}' {problem}" for name, problem in bad], str(path))
    refused = frozenset(Path(name) for name, _ in bad)
    files = [file for _, file, problem in named if not problem]
    if missing := missing_packages(files):
        return [*lines, f"{path}: names files in stores, which {packages_needed(missing)}"], refused
    ask(files)
    unknown = [
        f"{path}: '{url_of(file)}' cannot be asked for ({said.removeprefix(UNREACHABLE)}): run again when it can"
        for file in files
        if (said := stored_fingerprint(file)).startswith(UNREACHABLE)
    ]
    return lines + first_lines(unknown, str(path)), refused


def store_cautions(config: Config, table: pd.DataFrame) -> list[str]:
    """Say of how many files a store tells nothing but their size."""
    columns = [column for model in config["models"] for column in file_columns(config, model)]
    files = [file for _, file, problem in _named(table, columns, config["input"]["mode"]) if not problem]
    unmarked = [file for file in files if stored_fingerprint(file).endswith(UNMARKED)]
    if not unmarked:
        return []
    return [
        f"names {len(unmarked)} file(s) such as '{url_of(unmarked[0])}', of which the server says neither ETag nor "
        "time: one that is replaced by another of its size is not noticed"
    ]


def _named(table: pd.DataFrame, columns: Sequence[str], mode: Mode) -> list[tuple[str, Path, str | None]]:
    """Names in stores, each once, with the file and what stands against it."""
    names = (name for column in dict.fromkeys(columns) if column in table for name in table[column].tolist())
    found = []
    for name in dict.fromkeys(names):
        if name.startswith(REMOTE):
            path = Path(name)
            reader = reader_of(path, mode)
            found.append((name, remote_file(path, reader), url_problem(name) or remote_problem(path, reader)))
    return found
