"""Which samples an audit is about, and into which groups the manifest divides them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.exceptions import DataError
from saliency.experiment.plan import Plan


def audited_rows(table: pd.DataFrame, where: Mapping[str, str | Sequence[str]]) -> np.ndarray:
    """Which rows of a table are audited.

    Parameters
    ----------
    table
        Strings.
    where
        By column: a value, or several, of which a row has to have one.

    Examples
    --------
    >>> table = pd.DataFrame({"split": ["train", "test", "test"], "site": ["a", "a", "b"]})
    >>> audited_rows(table, {"split": "test", "site": ["a", "c"]}).tolist()
    [False, True, False]
    """
    chosen = np.ones(len(table), dtype=bool)
    for column, values in where.items():
        chosen &= table[column].isin([values] if isinstance(values, str) else values).to_numpy()
    return chosen


def audited_samples(plan: Plan, metrics: Path, target: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Read the samples that an audit is about.

    Parameters
    ----------
    plan
        The experiment.
    metrics
        A model's ``metrics.parquet``.
    target
        Name.

    Returns
    -------
    samples
        Rows of the table, numbered from 0.
    chosen
        ``(samples of the manifest,)``, bool: which they are.

    Raises
    ------
    DataError
        If there is none.
    """
    chosen = audited_rows(plan.samples, plan.config["audit"]["where"])
    if not chosen.any():
        raise DataError("audit.where: no row of the manifest has these values: name values that occur in its columns")
    return samples_of_target(metrics, target)[chosen].reset_index(drop=True), chosen


def samples_of_target(metrics: Path, target: str) -> pd.DataFrame:
    """Read what ``metrics.parquet`` has of one target: a row for each row of the manifest, numbered from 0."""
    table = pd.read_parquet(metrics)
    return table[table["target"] == target].reset_index(drop=True)
