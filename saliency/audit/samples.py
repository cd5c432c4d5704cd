"""Which samples an audit is about, and into which groups the manifest divides them."""

from pathlib import Path

import numpy as np
import pandas as pd

from saliency.exceptions import DataError
from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows


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
    table = pd.read_parquet(metrics)
    return table[table["target"] == target].reset_index(drop=True)[chosen].reset_index(drop=True), chosen
