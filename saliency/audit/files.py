"""The audit of one model and target: from the tables and grids of its shards to files."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.audit.calibration import reliability
from saliency.audit.clusters import ClusterSettings
from saliency.audit.discrimination import discrimination
from saliency.audit.grid import pool
from saliency.audit.grid_files import DiskArray, read_grids
from saliency.audit.groups import grouping_columns
from saliency.audit.leakage.fact_groups import fact_groups
from saliency.audit.leakage.fact_table import join_facts
from saliency.audit.mean_maps import MeanMaps
from saliency.audit.measure import pooling_grids
from saliency.audit.one_vs_rest import one_vs_rest
from saliency.audit.performance import confusion, performance
from saliency.audit.run import AuditSettings, audit
from saliency.audit.samples import audited_samples, samples_of_target
from saliency.audit.shortcuts import ShortcutSettings
from saliency.experiment.config import Config, read_class_names
from saliency.experiment.descriptions import read_descriptions
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection, audited_rows
from saliency.files.atomic_files import write_atomically
from saliency.files.network_files import stored_in
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.registered import method
from saliency.metrics.magnitude import unsigned
from saliency.metrics.table import measure_columns
from saliency.steps.multilabel import said_and_labelled
from saliency.store.codec import ArraySpec, read_blocks, read_shard, write_shard
from saliency.store.layout import plan_specs, store_metadata

log = logging.getLogger(__name__)


def audit_settings(config: Config) -> AuditSettings:
    """Thresholds of the config's ``audit``."""
    given, seed = config["audit"], config["audit"]["seed"]
    return AuditSettings(
        ShortcutSettings(**given["shortcuts"], seed=seed),
        ClusterSettings(**given["clusters"], seed=seed),
        given["min_count"],
        given["resamples"],
        given["permutations"],
        seed,
    )


def write_audit(
    config: Config,
    model: str,
    target: str,
    metrics: Path,
    grids: Sequence[Path],
    outputs: Mapping[str, Path],
    facts: Sequence[Path] = (),
    description: Path | None = None,
) -> None:
    """Audit one target of a model; `saliency.audit.document.write_findings` tells what was found.

    Parameters
    ----------
    config
        The completed config.
    model, target
        Names.
    metrics
        The model's ``metrics.parquet``.
    grids
        The NPZ files of all shards.
    outputs
        ``evidence, distributions, groups, maps, clusters, performance, confusion, calibration``: files to write; also
        ``discrimination`` where a sample can be of several classes.
    facts
        What `saliency.audit.leakage.fact_table.write_facts` wrote, of all shards; none where there are no facts.
    description
        ``model.json``; without it, nothing is said of random weights.

    Raises
    ------
    DataError
        If no sample is audited.
    """
    plan = Plan(config)
    selection = Selection(plan)
    samples, chosen = audited_samples(plan, metrics, target)
    shards = np.split(chosen, range(plan.shard_size, len(chosen), plan.shard_size))
    maps = np.concatenate(list(read_grids(grids, target)))[chosen]
    inputs = (part[here] for part, here in zip(read_grids(grids, "inputs"), shards, strict=True))
    with DiskArray(inputs) as pictures:
        measures = measure_columns(plan.ndim, plan.methods, plan.audited_method)
        result = audit(samples, maps, pictures, measures, selection.audit_columns, audit_settings(config))
    names = read_class_names(config["models"][model]["class_names"])
    every, min_count = samples_of_target(metrics, target), config["audit"]["min_count"]
    of_files, repeated = fact_groups(join_facts(facts), chosen) if facts else ({}, {})
    several = plan.labels_are == "classes"
    columns = (selection.performance_columns, selection.whole_columns)
    rates = (one_vs_rest if several else performance)(every, chosen, *columns, names, min_count, of_files)
    probability, correct = _judged(samples, several)
    calibration = reliability(probability, correct)
    tested = {
        "map": plan.audited_method,
        **result.evidence.tested,
        "facts": len(of_files),
        "facts_nearly_the_same": ", ".join(f"{name} as {other}" for name, other in repeated.items()) or None,
        "tests_of_performance": int(rates["p"].notna().sum()),
        "expected_calibration_error": float(calibration["error"].sum()) if len(calibration) else None,
    }
    settings = config["models"][model]
    unknown = stored_in(settings["factory"], settings["weights"]) is None
    if description and target == plan.targets[0] and unknown:
        # Versions before this one did not compare two builds.
        known = read_descriptions([description]).get("random_weights")
        tested["random_weights"] = {"model": model, **(known or {"differ": None, "tensors": None})}
    # Predictions do not depend on what is explained: they are told of once.
    told = rates if target == plan.targets[0] else rates[:0]
    # With many classes, facts have more rows than all else: those that can be no finding are left to the table.
    told = told[(told["source"] != "files") | (told["p_adjusted"] < 1)]
    evidence = replace(result.evidence, performance=told, tested=tested)
    clusters = pd.DataFrame({"id": samples["id"], "class": samples["class"], "cluster": result.clusters})
    for name, table in (
        ("distributions", result.distributions),
        ("groups", evidence.tests),
        ("maps", evidence.map_tests),
        ("clusters", clusters),
        ("performance", rates.drop(columns="misses").astype({"class": "Int64"})),
        # Of several classes, none is mistaken for another one.
        ("confusion", confusion(samples[:0] if several else samples, names)),
        ("calibration", calibration),
        *([("discrimination", discrimination(samples, names))] if several else []),
    ):
        write_atomically(outputs[name], csv_bytes(table))
    write_atomically(outputs["evidence"], evidence.to_json().encode())
    log.info("%d samples, %d of them with a map", len(samples), tested["maps"])


def _judged(samples: pd.DataFrame, several: bool) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and whether they came true: of the predicted class, or of each of several classes."""
    if several:
        shares, _, has = said_and_labelled(samples)
        return shares.ravel(), has.ravel()
    probability, correct = (samples[name].to_numpy(dtype=float, na_value=np.nan) for name in ("probability", "correct"))
    return probability, correct


def write_mean_maps(
    config: Config,
    model: str,
    target: str,
    shards: Mapping[str, Sequence[str | Path]],
    descriptions: Sequence[str | Path],
    root: Path,
) -> None:
    """Write mean maps of the audited method as a Zarr group.

    It holds ``mean``, and ``id``: class indices, and then groups as ``column=group``.

    Parameters
    ----------
    shards
        The files of ``class`` and of ``maps``, those of the audited method, by shard number.
    root
        Folder of the group.
    """
    plan = Plan(config)
    specs = plan_specs(plan, model, descriptions)
    chosen = audited_rows(plan.samples, config["audit"]["where"])
    columns, _ = grouping_columns(plan.samples[chosen], Selection(plan).audit_columns, config["audit"]["min_count"])
    means, audited = MeanMaps(), plan.measured[0]
    maps_spec = specs[f"{target}/{audited}"]
    shape = maps_spec.shape[-plan.ndim :]
    if method(audited).grid == "input":
        # Thousands of classes have a mean map each, which the page loads.
        _, shape = map(tuple, pooling_grids(shape, shape, config["audit"]["grid"]))
    for number, (classes, cams) in enumerate(zip(shards["class"], shards["maps"], strict=True)):
        count = len(plan.rows(number))
        wanted = chosen[number * plan.shard_size :][:count]
        explained = read_shard(Path(classes), count, specs[f"{target}/class"])[wanted]
        blocks = read_blocks(Path(cams), count, maps_spec)
        maps = np.concatenate([_at_most(unsigned(block, method(audited)), shape) for block in blocks])[wanted]
        means.add(explained.tolist(), maps)
        rows = plan.rows(number).index[wanted]
        for column, members in columns.items():
            known = members.reindex(rows).notna().to_numpy()
            means.add([f"{column}={group}" for group in members[rows[known]]], maps[known])
    indices = sorted(group for group in means.groups if isinstance(group, int) and group >= 0)
    groups = [*indices, *sorted(group for group in means.groups if isinstance(group, str))]
    spec = ArraySpec(shape, "float64", maps_spec.dimension_names[-plan.ndim :], max(1, len(groups)))
    values = np.stack([means.mean(group) for group in groups]) if groups else np.full((1, *shape), np.nan)
    names = [str(group) for group in groups] or ["none"]
    for name, content in store_metadata({"mean": spec}, names).items():
        write_atomically(root / name, content)
    write_shard(root / "mean" / spec.first_key, values, spec)


def _at_most(maps: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return maps if maps.shape[1:] == shape else pool(maps, shape)
