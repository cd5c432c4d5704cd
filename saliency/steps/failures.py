"""Samples without a result: what is wrong with each, and whether the run may go on without them.

Jobs on shards treat a bad sample the same whatever ``on_error`` says. It is applied here, once, where every sample of
every model is known.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from saliency.exceptions import DataError, InputError
from saliency.experiment.config import Config, input_config
from saliency.experiment.descriptions import read_descriptions
from saliency.experiment.manifest import line_numbers
from saliency.experiment.messages import label_problem, name_problem
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.readers.samples import preprocessing_of, read_sample

log = logging.getLogger(__name__)
# In the column ``status`` of ``predictions.csv``, beside what `saliency.exceptions.Status` says.
OUTPUT_NOT_FINITE = "the output is not finite"
LABEL_OUTSIDE = "the label is outside the model's classes"


def failed_samples(plan: Plan, model: str, predictions: Path, classes: int) -> pd.DataFrame:
    """List the samples without a result; each is read once more, for the exact problem.

    Parameters
    ----------
    plan, model
        The experiment, and which of its models.
    predictions
        ``predictions.csv`` of the model.
    classes
        Number of the model's classes.

    Returns
    -------
    DataFrame
        ``model, id``, the manifest's paths, ``status`` and ``problem``; by row of the manifest.
    """
    status = pd.read_csv(predictions, usecols=["status"], dtype=str)["status"]
    failed = status[status != "ok"]
    preprocessing = preprocessing_of(input_config(plan.config, model))
    labels = _labels(plan)
    lines = line_numbers(plan.manifest, len(plan.samples))

    def problem(row: int) -> str:
        if failed[row] == OUTPUT_NOT_FINITE:
            return "the network's output is not finite: look for extreme values, check the weights, mean and std"
        if failed[row] == LABEL_OUTSIDE:
            return label_problem(plan, max(labels[row] or ()), classes, lines[row])
        try:
            read_sample(preprocessing, plan.files(plan.samples.loc[[row]], model)[0], "region" in plan.arrays)
        except InputError as error:
            return str(error)
        shard = Path(f"{predictions.parent}.zarr") / plan.shard_key("status", plan.shard_of[plan.samples["id"][row]])
        return f"could not be used, but can be read now: run again; if that changes nothing, delete {shard} first"

    samples = plan.samples.loc[failed.index]
    files = [name for name in plan.columns if name == "path" or name.startswith("path_")]
    table = samples[["id", *files]].assign(status=failed, problem=[problem(row) for row in failed.index])
    table.insert(0, "model", model)
    return table


def _labels(plan: Plan) -> list[tuple[int, ...] | None]:
    """Class indices of each sample; real values are never outside."""
    if plan.labels_are == "class":
        return [(label,) for label in plan.labels(plan.samples).tolist()]
    return plan.label_classes(plan.samples) if plan.labels_are == "classes" else [None] * len(plan.samples)


def write_errors(
    config: Config, predictions: Mapping[str, Path], descriptions: Mapping[str, Path], output: Path
) -> None:
    """Apply ``on_error``: write ``errors.csv``, or fail with one line for each sample without a result.

    Parameters
    ----------
    config
        The completed config.
    predictions, descriptions
        ``predictions.csv`` and ``model.json`` of each model.
    output
        ``errors.csv``: the tables of `failed_samples`.

    Raises
    ------
    DataError
        For ``on_error: fail`` if there is a failed sample; for ``skip`` if a model has more than ``max_failed``.
    """
    plan, limit = Plan(config), config["max_failed"]
    total = len(plan.samples)
    failed = {
        model: failed_samples(plan, model, path, read_descriptions([descriptions[model]])["classes"])
        for model, path in predictions.items()
    }

    def lines(model: str) -> list[str]:
        problems = failed[model]["problem"]
        rows = map(int, problems.index)
        return [
            f"{model}: {name_problem(plan, model, row, problem)}" for row, problem in zip(rows, problems, strict=True)
        ]

    errors = pd.concat(failed.values())
    summary = f"{errors['id'].nunique()} of {total} samples failed"
    if config["on_error"] == "fail" and len(errors):
        every = [line for model in failed for line in lines(model)]
        raise DataError("\n".join([*every, f"{summary}; correct or remove them, or set on_error: skip"]))
    problems = []
    for model, table in failed.items():
        if limit is not None and (len(table) > limit if limit >= 1 else len(table) / total > limit):
            problems += lines(model)
            problems.append(
                f"{model}: {len(table)} of {total} samples failed, more than max_failed: {limit} allows; correct or "
                "remove them, or raise max_failed"
            )
    if problems:
        raise DataError("\n".join(problems))
    if len(errors):
        log.warning("%s; %s lists them", summary, output)
    write_atomically(output, csv_bytes(errors))
