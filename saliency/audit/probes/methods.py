"""Tables that compare the methods of a run: what the other checks measured, where maps lie, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from saliency.audit.checks.check import CheckJob
from saliency.audit.findings.words import listed
from saliency.audit.masks import read_masks
from saliency.audit.paired import corrected, mean_interval, paired_differences, told_apart
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.audit.probes.explained import explained
from saliency.audit.probes.faithfulness import ranking_title
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.registered import method
from saliency.metrics.localisation import dilate, energy_in_mask, pointing_hit


@dataclass(frozen=True)
class Column:
    """One thing by which methods are compared.

    Attributes
    ----------
    name, title
        In the tables, and on the page.
    higher
        Whether more is better.
    """

    name: str
    title: str
    higher: bool


COLUMNS = (
    Column("deletion_auc", "deletion", False),
    Column("insertion_auc", "insertion", True),
    Column("energy_in_mask", "energy in the mask", True),
    Column("pointing_hit", "pointing game", True),
    Column("stability", "stability", True),
    Column("randomisation", "randomisation", False),
)
PASSES = Column("passes", "passes", False)
TABLE_COLUMNS = ("measure", "title", "better", "method", "count", "mean", "low", "high")


def _faithfulness(table: pd.DataFrame) -> pd.DataFrame:
    areas = table.groupby(["id", "ranking"], sort=False)[["deletion_auc", "insertion_auc"]].mean()
    return pd.DataFrame(areas.unstack())


def _stability(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat({"stability": table.groupby(["id", "method"], sort=False)["spearman"].mean().unstack()}, axis=1)


def _randomisation(table: pd.DataFrame) -> pd.DataFrame:
    deeper = table[table["depth"] > 0].groupby(["id", "method"], sort=False)["spearman_absolute"].mean()
    return pd.concat({"randomisation": deeper.unstack()}, axis=1)


# Of the tables of the checks that are read: one row per sample, columns by measure and method.
READ: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "faithfulness": _faithfulness,
    "stability": _stability,
    "randomisation": _randomisation,
}


def localisation(samples: CheckedSamples, target: str) -> pd.DataFrame:
    """Where the maps of the samples with a mask lie.

    Parameters
    ----------
    samples
        Reads them.
    target
        Name of the target.

    Returns
    -------
    DataFrame
        One row per sample with a map of each method and a mask, by its id; columns by measure and method:
        ``energy_in_mask`` and ``pointing_hit``, as of `saliency.metrics.localisation`, of maps on the input's grid, of
        signed ones absolute values, summed over channels. Empty where there are no masks.
    """
    plan = samples.plan
    if plan.mask_column is None:
        return pd.DataFrame()
    tolerance, found, ids = plan.config["audit"]["tolerance"], [], []
    for one in explained(samples, target):
        masks = read_masks(plan, samples.model, plan.samples.iloc[[one.row]], samples.spatial)
        if masks is None or not masks.any():
            continue
        grown = dilate(masks, tolerance)
        measured = {("energy_in_mask", name): energy_in_mask(values, masks)[0] for name, values in one.maps.items()}
        measured |= {("pointing_hit", name): pointing_hit(values, grown)[0] for name, values in one.maps.items()}
        ids.append(one.id)
        found.append(measured)
    if not found:
        return pd.DataFrame()
    return pd.DataFrame(found, index=ids).set_axis(pd.MultiIndex.from_tuples(found[0]), axis=1)


def method_tables(
    values: pd.DataFrame, passes: Mapping[str, int], resamples: int, seed: int, alpha: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compare methods by what was measured of the same samples.

    Parameters
    ----------
    values
        One row per sample, columns by measure (names of `COLUMNS`) and method; NaN where there is no value.
    passes
        By method: how often it runs the network on a batch.
    resamples, seed
        Of the bootstrap.
    alpha
        Level of the tests.

    Returns
    -------
    table
        One row per measure and method: ``measure, title, better`` ("higher" or "lower"), ``method, count`` (samples
        with a value), ``mean``, ``low`` and ``high`` (its 95 % interval). The last rows are ``passes``.
    pairs
        One row per measure and two methods, over the samples of both, see `saliency.audit.paired.paired_differences`;
        ``p_adjusted`` is corrected over all rows.
    best
        One row per measure that methods have: ``measure, method`` (those that are not told apart from the best, the
        best first, separated by spaces), ``words``.

    Examples
    --------
    >>> values = pd.DataFrame({("stability", "gradcam"): [0.5, 0.75], ("stability", "gradient"): [0.25, 0.25]})
    >>> table, _, best = method_tables(values, {"gradcam": 1}, 100, 0, 0.05)
    >>> table["mean"].tolist(), best["words"].tolist()
    ([0.625, 0.25, 1.0], ['By stability, no method is better than another here.'])
    """
    rows: list[dict[str, Any]] = []
    tests, means = [], {}
    for column in COLUMNS:
        if column.name not in values.columns.get_level_values(0):
            continue
        of = {str(name): part.to_numpy(dtype=float) for name, part in values[column.name].items()}
        own = {"measure": column.name, "title": column.title, "better": "higher" if column.higher else "lower"}
        for name, each in of.items():
            known = each[np.isfinite(each)]
            low, high = mean_interval(known, resamples, seed)
            mean = known.mean() if len(known) else np.nan
            rows.append(own | {"method": name, "count": len(known), "mean": mean, "low": low, "high": high})
        means[column] = {row["method"]: row["mean"] for row in rows if row["measure"] == column.name}
        compared = paired_differences(of, resamples, seed)
        compared.insert(0, "measure", column.name)
        tests.append(compared)
    own = {"measure": PASSES.name, "title": PASSES.title, "better": "lower"}
    rows += [own | {"method": name, "mean": float(count)} for name, count in passes.items()]
    pairs = corrected(pd.concat(tests, ignore_index=True)) if tests else pd.DataFrame(columns=["measure", "p_adjusted"])
    told = []
    for column, known in means.items():
        apart = told_apart(known, pairs[pairs["measure"] == column.name], column.higher, alpha)
        words = _in_words(column, *apart, len(known))
        told.append({"measure": column.name, "method": " ".join(apart[0]), "words": words})
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS)).astype({"count": "Int64"})
    return table, pairs, pd.DataFrame(told, columns=["measure", "method", "words"])


def _in_words(column: Column, best: list[str], any_apart: bool, count: int) -> str:
    """What the tests of one measure say, in a sentence."""
    titles = ["random order" if name == "random" else ranking_title(name) for name in best]
    by = f"By {column.title},"
    if not best:
        return f"{by} nothing is known: no map has a value."
    if count == 1:
        return f"{by} nothing is compared: there is one method."
    if best == ["random"]:
        return f"{by} a random order of the pixels is better than every method here."
    if len(best) == 1:
        return f"{by} {titles[0]} is better than every other one here."
    if not any_apart:
        return f"{by} no method is better than another here."
    return f"{by} no single method is the best here: {listed(titles)} are not told apart."


def write_methods(job: CheckJob) -> None:
    """Write a target's tables."""
    samples = CheckedSamples(job, "methods")
    plan, audit = samples.plan, samples.plan.config["audit"]
    parts = [localisation(samples, job.target)]
    for name, of_table in READ.items():
        # Ids may look like numbers, or like missing values.
        read = [
            pd.read_csv(path, dtype={"id": str}, keep_default_na=False, na_values=[""])
            for path in job.files.get(name, [])
        ]
        parts += map(of_table, read)
    values = pd.concat([part for part in parts if len(part)] or parts, axis=1)
    # In the order of the run, and what is no method behind them.
    names = [*plan.methods, "random"]
    values = values[[column for name in names for column in values.columns if column[1] == name]]
    passes = {name: method(name).passes(plan.method_settings[name], plan.ndim) for name in plan.methods}
    found = method_tables(values, passes, audit["resamples"], audit["seed"], audit["findings"]["alpha"])
    for name, table in zip(("table", "pairs", "best"), found, strict=True):
        write_atomically(job.outputs[name], csv_bytes(table))
