"""What a run should begin with being told: settings that are no mistake, but may well be none that were meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from saliency.experiment.columns import column_names, meant
from saliency.experiment.config import Config
from saliency.experiment.remote_files import store_cautions
from saliency.files.network_files import network_file
from saliency.files.one_line import MOST, one_line
from saliency.files.table_files import numbered_rows

if TYPE_CHECKING:
    from saliency.experiment.plan import Plan


_TOLD: set[str] = set()


def not_told(lines: Iterable[str]) -> list[str]:
    """Those of some lines that this process has not been asked about before.

    Snakemake parses a module once more for each of its rules that another workflow changes.

    Examples
    --------
    >>> not_told(["a first time", "another"]), not_told(["a first time"])
    (['a first time', 'another'], [])
    """
    new = [line for line in lines if line not in _TOLD]
    _TOLD.update(new)
    return new


def cautions(config: Config) -> list[str]:
    """List what may not be meant, one line each.

    Parameters
    ----------
    config
        The completed config, without problems.

    Examples
    --------
    >>> cautions({"models": {"net": {"factory": "package:network", "weights": None}}})[0].partition(":")[0]
    'models.net'
    """
    return [
        f"models.{name}: has no weights in the config: if {model['factory']} loads none, its maps are those of a "
        f"random network; set models.{name}.weights"
        for name, model in config["models"].items()
        if model["weights"] is None and network_file(model["factory"]) is None
    ]


def manifest_cautions(plan: Plan) -> list[str]:
    """List what was made of the manifest beyond what it says, and what it may say by another name, one line each."""
    in_stores = store_cautions(plan.config, plan.samples)
    return [one_line(f"{plan.manifest}: {line}") for line in (*_read_columns(plan), *_read_labels(plan), *in_stores)]


def _read_columns(plan: Plan) -> list[str]:
    _, header = next(numbered_rows(plan.manifest))
    lines = [
        f"column '{name}' is read as '{new}'"
        for name, new in zip(header, column_names(header), strict=True)
        if new != name
    ]
    for column in ("label", "mask"):
        near = None if column in plan.samples else meant(column, plan.columns)
        if near:
            lines.append(f"column '{near}' is carried along as it is: rename it to '{column}' if that is what it holds")
    return lines


def _read_labels(plan: Plan) -> list[str]:
    labels = plan.written_labels
    if labels is None or not labels.in_alphabetical_order:
        return []
    shown = ", ".join(f"{index} {name}" for index, name in enumerate(labels.names[:MOST]))
    further = f", … {len(labels.names) - 1} {labels.names[-1]}" if len(labels.names) > MOST else ""
    return [
        f"labels are names, which are taken as classes in alphabetical order ({shown}{further}): list them in "
        "class_names if the network's order is another"
    ]
