"""What the audit needs of one shard: its table of measures, and its maps and inputs on small grids."""

import io
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.audit.grid import pool
from saliency.audit.grid_files import write_grids
from saliency.audit.masks import read_masks
from saliency.experiment.config import Config, read_class_names
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.registered import method
from saliency.metrics.magnitude import unsigned
from saliency.metrics.registered import measure_keys
from saliency.metrics.table import measure_shard
from saliency.steps.multilabel import SEVERAL
from saliency.steps.predictions import read_predictions
from saliency.store.shard import Shard

log = logging.getLogger(__name__)
# Cells of an input's grid for each cell of the maps' grid, along one axis: enough to tell what is there.
FINER = {2: 4, 3: 2}


def pooling_grids(feature_shape: Sequence[int], spatial: Sequence[int], cells: int) -> tuple[list[int], list[int]]:
    """Grids of the maps and of the inputs, the second a multiple of the first.

    Parameters
    ----------
    feature_shape, spatial
        Spatial shape of the audited method's maps and of inputs.
    cells
        Of the maps' grid along each axis, where they have as many.

    Examples
    --------
    >>> pooling_grids([7, 7], [224, 224], 8), pooling_grids([16, 16, 10], [32, 32, 14], 8)
    (([7, 7], [28, 28]), ([8, 8, 8], [16, 16, 8]))
    """
    grid = [min(cells, size) for size in feature_shape]
    finer = FINER[len(grid)]
    return grid, [count * max(1, min(finer, size // count)) for count, size in zip(grid, spatial, strict=True)]


def measure(shard: Shard, table: Path, grids: Path) -> None:
    """Measure a shard's maps.

    Parameters
    ----------
    shard
        With the files of ``inputs``, and of each target's ``class`` and maps of the measured methods
        (`saliency.experiment.plan.Plan.measured`).
    table
        Parquet file to write: ``id, target, class``, then the measures of `saliency.metrics.table.measure_columns`.
    grids
        NPZ file to write: ``inputs``, and maps of the audited method of each target by its name, pooled to
        `pooling_grids`.
    """
    plan, settings = shard.plan, shard.config["audit"]
    spatial = shard.specs["inputs"].shape[1:]
    with ExitStack() as stack:
        maps = {
            target: {name: stack.enter_context(shard.reader(f"{target}/{name}")) for name in plan.measured}
            for target in plan.targets
        }
        masks = None if plan.mask_column is None else _Masks(shard, spatial)
        audited = plan.measured[0]
        found = measure_shard(maps, masks, spatial, {name: settings[name] for name in measure_keys()}, audited)
        shape = shard.specs[f"{plan.targets[0]}/{audited}"].shape[-plan.ndim :]
        grid, finer = pooling_grids(shape, spatial, settings["grid"])
        pooled = {
            target: np.concatenate([pool(unsigned(block, method(audited)), grid) for block in of[audited].blocks()])
            for target, of in maps.items()
        }
        inputs = np.concatenate([pool(block, finer) for block in stack.enter_context(shard.reader("inputs")).blocks()])
    classes = {target: shard.read(f"{target}/class") for target in maps}
    rows = found.pop("row").to_numpy()
    explained = [int(classes[target][row]) for target, row in zip(found["target"], rows, strict=True)]
    found.insert(0, "id", shard.rows["id"].to_numpy()[rows])
    found.insert(2, "class", explained)
    write_parquet(found, table)
    write_grids({"inputs": inputs, **pooled}, grids)
    log.info("%d samples, %d targets", len(shard), len(maps))


@dataclass(frozen=True)
class _Masks:
    """Masks of a shard's samples, which are read when they are asked for."""

    shard: Shard
    spatial: Sequence[int]

    def __len__(self) -> int:
        return len(self.shard)

    def __getitem__(self, rows: slice) -> np.ndarray:
        shard = self.shard
        found = read_masks(shard.plan, shard.model, shard.rows.iloc[rows], self.spatial)
        assert found is not None, "the manifest has no masks"
        return found


def write_parquet(table: pd.DataFrame, output: Path) -> None:
    """Write a table as Parquet, in one step."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    write_atomically(output, content.getvalue())


def metrics_table(
    samples: pd.DataFrame, measures: pd.DataFrame, predictions: pd.DataFrame, class_names: Sequence[str]
) -> pd.DataFrame:
    """Put measures beside what the predictions and the manifest say.

    Parameters
    ----------
    samples
        The manifest.
    measures
        The tables of `measure`, one after the other.
    predictions
        ``predictions.csv`` of the model.
    class_names
        May be empty.

    Returns
    -------
    DataFrame
        One row per sample and target: ``id, target, class, name`` (of the explained class; empty where there is none),
        ``label, predicted_class, probability, correct, status``, of models with several classes per sample also
        ``predicted_classes`` and ``probabilities``, the measures, and the manifest's other columns.
    """
    explained = measures["class"]
    names = [class_names[index] if 0 <= index < len(class_names) else str(index) for index in explained]
    begin = measures[["id", "target"]].copy()
    begin["class"] = explained.where(explained >= 0).astype("Int64")
    begin["name"] = np.where(explained >= 0, names, "")
    several = [name for name in SEVERAL if name in predictions]
    said = predictions[["id", "label", "predicted_class", "probability", "correct", "status", *several]]
    further = samples.drop(columns=["label"], errors="ignore")
    table = begin.merge(said, on="id", how="left", sort=False)
    table = pd.concat([table, measures.drop(columns=["id", "target", "class"])], axis=1)
    return table.merge(further, on="id", how="left", sort=False)


def write_metrics(
    config: Config, model: str, measures: Sequence[Path], predictions: Path, parquet: Path, csv: Path
) -> None:
    """Write the `metrics_table` of a model as Parquet and CSV."""
    table = metrics_table(
        Plan(config).samples,
        pd.concat([pd.read_parquet(path) for path in measures], ignore_index=True),
        read_predictions(predictions),
        read_class_names(config["models"][model]["class_names"]),
    )
    write_parquet(table, parquet)
    write_atomically(csv, csv_bytes(table))
