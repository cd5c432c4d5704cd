"""From the facts of all shards to the tables of what gives the answer away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from saliency.audit.facts.registered import facts
from saliency.audit.leakage.duplicates import duplicates, split_columns
from saliency.audit.leakage.fact_table import join_facts
from saliency.audit.leakage.told_by_facts import COLUMNS, PERMUTATIONS, facts_test
from saliency.experiment.config import Config
from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.steps.predictions import read_predictions

log = logging.getLogger(__name__)


def write_facts_test(config: Config, shards: Sequence[Path], predictions: Path, output: Path) -> None:
    """Write how well facts tell the label, and the prediction beyond the label, of the audited samples.

    For the second, predictions are exchanged among samples of the same label.

    Parameters
    ----------
    config
        The completed config.
    shards
        What `saliency.audit.leakage.fact_table.write_facts` wrote, of all shards.
    predictions
        ``predictions.csv`` of the model.
    output
        CSV file to write: the tables of `saliency.audit.leakage.told_by_facts.facts_test`; without a test where a
        sample can be of several classes.
    """
    plan, seed = Plan(config), config["audit"]["seed"]
    chosen = audited_rows(plan.samples, config["audit"]["where"])
    compared = [name for name, fact in facts().items() if fact.compared]
    found = join_facts(shards).filter(compared)[chosen].reset_index(drop=True)
    said = read_predictions(predictions)[chosen].reset_index(drop=True)
    if plan.labels_are != "class":
        note = "samples can be of several classes: nothing is tested"
        tables = [pd.DataFrame([{"asked": asked, "fact": "all", "note": note}]) for asked in ("label", "prediction")]
        write_atomically(output, csv_bytes(pd.concat(tables).reindex(columns=list(COLUMNS))))
        log.info("%s", note)
        return
    labels, predicted = said["label"].astype("Int64"), said["predicted_class"].astype("Int64")
    tables = [
        facts_test(found, "label", labels, None, seed, PERMUTATIONS),
        facts_test(found, "prediction", predicted, labels, seed, PERMUTATIONS),
    ]
    for table in tables:
        result = table.iloc[0]
        log.info("%s: balanced accuracy %.3f, chance %.3f", *result[["asked", "balanced_accuracy", "chance"]])
    write_atomically(output, csv_bytes(pd.concat(tables, ignore_index=True)))


def write_duplicates(config: Config, shards: Sequence[Path], output: Path) -> None:
    """Write near duplicates of different splits or labels; parameters as of `write_facts_test`."""
    plan = Plan(config)
    label = ["label"] if "label" in plan.samples else []
    columns = [*split_columns(list(plan.columns), config["audit"]["where"]), *label]
    found = duplicates(join_facts(shards)["hash"], plan.samples, columns)
    write_atomically(output, csv_bytes(found))
    log.info("%d pairs of near duplicates", len(found))
