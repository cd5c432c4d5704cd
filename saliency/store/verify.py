"""Checking what a run left: every shard of every model, and files that do not belong."""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from saliency.exceptions import DataError
from saliency.experiment.plan import Plan
from saliency.experiment.remote_files import ask_stores
from saliency.experiment.validation import complete_config
from saliency.files.atomic_files import temporaries
from saliency.files.code_versions import MISSING, code_of
from saliency.store.check import StoreCheck
from saliency.store.group_check import group_problems
from saliency.store.layout import described_specs
from saliency.store.problems import Count, Problem
from saliency.store.provenance import shard_digests

log = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def verify(experiment: Path) -> tuple[list[Count], list[Problem]]:
    """Read every shard of an experiment, and the mean maps of its audits, and list what is wrong.

    Parameters
    ----------
    experiment
        ``results/EXPERIMENT``.

    Returns
    -------
    counts
        One entry per array.
    problems
        One per file. A shard is damaged if it does not decode, a checksum is wrong, or its values contradict the other
        arrays of its samples: NaN in a sample that has a result, or values in one that has none. It is out of date if
        the digest that ``provenance.json`` has of it is no longer that of the samples' files and the settings.

    Raises
    ------
    DataError
        If there is nothing to check.
    """
    stores = sorted(path for path in experiment.glob("*.zarr") if path.is_dir())
    record, plan, problems = _read_record(experiment)
    if not record and not stores:
        raise DataError(f"{experiment} holds neither provenance.json nor a store: name the folder results/EXPERIMENT")
    models = plan.models if plan else [path.stem for path in stores]
    now = _digests_now(plan) if plan else None
    counts: list[Count] = []
    for model in models:
        check = StoreCheck(experiment, model, record, plan, now[model] if now else None)
        check.run()
        counts += check.counts.values()
        problems += check.problems
        for group in sorted((experiment / model / "audit").glob("*/mean_maps.zarr")):
            problems += group_problems(group)
    problems += [
        Problem(path, "not listed", "is no model of provenance.json") for path in stores if path.stem not in models
    ]
    problems += [Problem(path, "temporary", "is unfinished") for path in temporaries(experiment)]
    return counts, problems


def delete_bad(problems: Iterable[Problem]) -> list[Path]:
    """Delete what `verify` found to be damaged or left over, and return it; the next run makes it again."""
    bad = [problem.path for problem in problems if problem.bad and problem.path.is_file()]
    for path in bad:
        path.unlink()
    return bad


def as_table(counts: Iterable[Count]) -> str:
    """Lay out counts as text, one line per array."""
    table = pd.DataFrame([vars(count) for count in counts]).rename(columns={"out_of_date": "out of date"})
    table["MB"] = (table.pop("bytes") / 1e6).map("{:.1f}".format)
    return table.to_string(index=False)


def run_folder(experiment: Path, record: Mapping[str, Any] | None = None) -> Path:
    """Where Snakemake ran that made an experiment's results.

    Parameters
    ----------
    experiment
        ``results/EXPERIMENT``.
    record
        Its ``provenance.json``, which is read where it is not given.
    """
    if record is None:
        try:
            record = json.loads((experiment / "provenance.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            record = {}
    above = record.get("root", "../..") if isinstance(record, Mapping) else "../.."
    return Path(os.path.normpath(experiment.resolve() / str(above)))


def recorded_plan(experiment: Path) -> Plan:
    """The plan of the last run, from ``provenance.json``.

    Raises
    ------
    DataError
        If it is missing or cannot be used, or the manifest cannot be read.
    """
    _, plan, problems = _read_record(experiment)
    if plan is None:
        raise DataError("\n".join(map(str, problems)))
    if plan.samples.empty:
        raise DataError(f"{plan.manifest}: cannot be read: it says which samples there are")
    return plan


def _read_record(experiment: Path) -> tuple[dict[str, Any], Plan | None, list[Problem]]:
    """``provenance.json`` and the plan that it describes; nothing but a problem if it is missing or cannot be used."""
    path = experiment / "provenance.json"
    if not path.is_file():
        return {}, None, [Problem(path, "missing", "layouts are taken from zarr.json, digests are not compared")]
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        # An earlier version did not know all keys. Paths in a config start at the folder in which Snakemake ran.
        completed, _ = complete_config(record["config"], check=False)
        plan = Plan(completed, run_folder(experiment, record))
        if not all(NAME.fullmatch(name) for name in [*plan.models, *plan.targets]):
            raise ValueError("it holds names that no config can have")
        for model in plan.models:
            described_specs(plan, model, record["models"][model])
            if not all(re.fullmatch(r".+/c(\.\d+)+", key) for key in record["digests"][model]):
                raise ValueError("its digests are not those of shards")
    # Whatever is wrong with it surfaces here, in whatever way.
    except Exception as error:
        what = f"cannot be used ({type(error).__name__}: {' '.join(str(error).split())})"
        return {}, None, [Problem(path, "damaged", what)]
    return record, plan, []


def _digests_now(plan: Plan) -> dict[str, dict[str, str]] | None:
    """Digests as they would be recorded today; None if they cannot be computed."""
    if plan.samples.empty:
        log.warning("%s cannot be read, so shards that are out of date are not found", plan.manifest)
        return None
    for name, settings in plan.config["models"].items():
        if settings["code"] is None and MISSING in code_of(settings["factory"], plan.root).values():
            log.warning(
                "models.%s: the module of '%s' is not here, so shards that are out of date are not found",
                *(name, settings["factory"]),
            )
            return None
    try:
        ask_stores(plan.config, plan.samples)
        return shard_digests(plan)
    except (KeyError, ValueError, OSError) as error:
        log.warning("digests cannot be computed, so shards that are out of date are not found: %r", error)
        return None
