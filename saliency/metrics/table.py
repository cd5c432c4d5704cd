"""All measures of a shard's maps, one row per sample and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from saliency.metrics.batch import Batch, Measured, measured_methods
from saliency.metrics.measure import Measure
from saliency.metrics.registered import complete, measures

# Pixels that are measured at a time, so that memory does not grow with the shard: a few float64 arrays of them.
PIXELS = 2**20


def column_titles(ndim: int, methods: Iterable[str], audited: str | None = None) -> dict[str, str]:
    """Title of each of the `measure_columns`, by name; parameters as there.

    Examples
    --------
    >>> column_titles(2, [])["centroid_y"]
    'Centroid: y'
    """
    names = measured_methods(methods, audited)
    columns = [measure.columns(ndim, names) for measure in measures().values()]
    return {name: title for of_measure in columns for name, title in of_measure.items()}


def measure_columns(ndim: int, methods: Iterable[str], audited: str | None = None) -> list[str]:
    """Names of the measures' columns, in the order of the table.

    Parameters
    ----------
    ndim
        Number of spatial axes.
    methods
        Names of those that the experiment has; of those that are made from others only the audited one is measured.
    audited
        Name of the method whose maps say where; None for the leading one.

    Examples
    --------
    >>> measure_columns(2, [])[:3]
    ['mask_share', 'energy_in_mask', 'energy_ratio']
    """
    return list(column_titles(ndim, methods, audited))


class Sliced(Protocol):
    """An array of samples, or what reads them when it is sliced."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


def measure_shard(
    maps_by_target: Mapping[str, Mapping[str, Sliced]],
    masks: Sliced | None,
    spatial: tuple[int, ...],
    settings: Mapping[str, Any] | None = None,
    audited: str | None = None,
) -> pd.DataFrame:
    """Measure the maps of a shard's samples.

    The measures of where a map lies are those of one method: where it is on the target layer's grid upsampled to the
    input, of signed maps the absolute values, summed over channels. What each measure is stands in
    `saliency.metrics.localisation`, `concentration` and `similarity`.

    Parameters
    ----------
    maps_by_target
        By target and method, raw, as stored: ``(n, *feature_spatial)`` at the feature map's own resolution,
        ``(n, *spatial)``, or with channels ``(n, c, *spatial)``; NaN where a sample failed. All targets have the same
        methods, the audited one among them. Arrays, or anything that gives arrays when sliced.
    masks
        ``(n, *spatial)``, bool; False everywhere for a sample without an object. None where there are no masks.
    spatial
        Spatial shape of the network's input.
    settings
        Of the measures (`saliency.metrics.registered.measure_keys`); those that are left out have their defaults.
    audited
        Name of the method whose maps say where; None for the leading one
        (`saliency.methods.registered.leading_method`).

    Returns
    -------
    DataFrame
        One row per sample and target, samples in order: ``row`` (position in the shard), ``target``, then
        `measure_columns`, all float64. NaN where a measure does not apply: no mask, no such map, a failed sample.
        What compares the first two targets stands in the rows of both.

    Raises
    ------
    ValueError
        If no method is named and none leads, or no measure has a setting.

    Examples
    --------
    >>> from saliency.methods.registered import leading_method, methods
    >>> cam = np.array([[[0.0, 0.0], [0.0, 1.0]]], dtype=np.float32)
    >>> masks = np.zeros((1, 8, 8), dtype=bool)
    >>> masks[:, 4:, 4:] = True
    >>> table = measure_shard({"predicted": {leading_method(methods()): cam}}, masks, (8, 8), {"tolerance": 0})
    >>> table[["row", "target", "mask_share", "energy_in_mask", "pointing_hit"]]
       row     target  mask_share  energy_in_mask  pointing_hit
    0    0  predicted        0.25        0.765625           1.0
    """
    settings = complete(settings or {})
    names = measured_methods(next(iter(maps_by_target.values())), audited)
    samples = len(next(iter(maps_by_target.values()))[names[0]])
    step = max(1, PIXELS // int(np.prod(spatial)))
    parts: dict[str, list[pd.DataFrame]] = {target: [] for target in maps_by_target}
    for begin in range(0, samples, step):
        rows = slice(begin, min(begin + step, samples))
        raw = {
            target: {name: np.asarray(maps[name][rows]) for name in names} for target, maps in maps_by_target.items()
        }
        inside = None if masks is None else np.asarray(masks[rows]).astype(bool, copy=False)
        batch = Batch(raw, inside, spatial, settings, audited)
        for target, tables in parts.items():
            table = _measure(Measured(batch, target))
            table.index += begin
            tables.append(table)
    tables = []
    for target, of_target in parts.items():
        table = pd.concat(of_target)
        table.insert(0, "target", target)
        table.insert(0, "row", table.index)
        tables.append(table)
    return pd.concat(tables).sort_values("row", kind="stable", ignore_index=True)


def _measure(measured: Measured) -> pd.DataFrame:
    """Measures of one target of a batch, with a column for each."""
    batch = measured.batch
    found: dict[str, np.ndarray] = {}
    for measure in measures().values():
        columns = measure.columns(len(batch.spatial), batch.methods)
        values = np.full((len(batch), len(columns)), np.nan)
        if _applies(measure, measured):
            values[:] = measure.values(measured).reshape(values.shape)
        found |= dict(zip(columns, values.T, strict=True))
    table = pd.DataFrame(found)
    table[np.isnan(measured.native.reshape(len(batch), -1)).any(axis=1)] = np.nan
    return table


def _applies(measure: Measure, measured: Measured) -> bool:
    batch = measured.batch
    has = {
        None: True,
        "mask": bool(batch.masks.any()),
        "methods": bool(batch.fine),
        "targets": len(batch.compared) == 2 and measured.target in batch.compared,
    }
    return has[measure.needs]
