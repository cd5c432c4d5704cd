"""The facts of many files as a table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from saliency.audit.facts.fact import Value
from saliency.audit.facts.opened import opened_picture, opened_volume
from saliency.audit.facts.registered import groups_of
from saliency.audit.measure import write_parquet
from saliency.exceptions import InputError
from saliency.experiment.config import Config
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes

log = logging.getLogger(__name__)


def read_facts(path: Path, mode: str) -> dict[str, Value]:
    """Facts of one file by name, those of its mode.

    Parameters
    ----------
    path
        A sample's file, as it lies on the disk.
    mode
        "2D" for a photograph, "3D" for a volume.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    found: dict[str, Value] = {}
    with (opened_picture if mode == "2D" else opened_volume)(path) as opened:
        for group in groups_of(mode):
            found |= group.values(opened)
    return found


def fact_table(paths: Sequence[Path], mode: str) -> pd.DataFrame:
    """Facts of some files.

    Parameters
    ----------
    paths
        One per sample; a file that several samples share is read once.
    mode
        "2D" or "3D".

    Returns
    -------
    DataFrame
        One row per path, a column for each fact of the mode: numbers float64, texts ``str``; NaN where a file does not
        have the fact, and in all columns where it cannot be read.
    """
    known: dict[Path, dict[str, Value]] = {}
    for path in paths:
        if path not in known:
            try:
                known[path] = read_facts(path, mode)
            except InputError as error:
                log.warning("%s: %s: it has no facts", path, error)
                known[path] = {}
    columns = [fact.name for group in groups_of(mode) for fact in group.facts]
    table = pd.DataFrame([known[path] for path in paths], columns=columns)
    texts = [name for name in columns if any(isinstance(value, str) for value in table[name])]
    return table.astype({name: "str" if name in texts else float for name in columns})


def write_facts(config: Config, shard: int, output: Path) -> None:
    """Write ``id`` and the facts of a shard's samples as Parquet; of a sample with several files, those of its first.

    Parameters
    ----------
    config
        The completed config.
    shard
        Number.
    output
        File to write.
    """
    plan = Plan(config)
    rows = plan.rows(shard)
    table = fact_table([plan.path(name) for name in rows[plan.first_column].tolist()], config["input"]["mode"])
    table.insert(0, "id", rows["id"].to_numpy())
    write_parquet(table, output)
    log.info("%d samples, %d facts", len(table), table.shape[1] - 1)


def join_facts(shards: Sequence[Path]) -> pd.DataFrame:
    """Read what `write_facts` wrote of all shards: one row per sample, in the manifest's order."""
    tables = [pd.read_parquet(path) for path in shards]
    # A shard in which no file has a text has an empty column of numbers.
    texts = {name for table in tables for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)}
    return pd.concat([table.astype(dict.fromkeys(texts, "str")) for table in tables], ignore_index=True)


def write_fact_table(shards: Sequence[Path], output: Path) -> None:
    """Write the facts of all samples as CSV."""
    write_atomically(output, csv_bytes(join_facts(shards)))
