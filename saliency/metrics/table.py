"""All measures of a shard's maps, one row per sample and target."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from saliency.methods.axes import SPATIAL_NAMES
from saliency.methods.upsampling import upsample
from saliency.metrics import concentration, localisation, similarity

# Pixels that are measured at a time, so that memory does not grow with the shard: a few float64 arrays of them.
PIXELS = 2**20


@dataclass(frozen=True)
class MeasureSettings:
    """What the measures depend on.

    Attributes
    ----------
    spatial
        Spatial shape of the network's input, to which Grad-CAM is upsampled.
    tolerance
        Pixels or voxels by which the maximum may miss the mask and still count as a hit; Zhang et al. (2018) use 15.
    border
        Width of the frame of ``border_energy``, as a share of the image's length along each axis.
    compared
        The two targets of a sample whose maps are compared.
    """

    spatial: tuple[int, ...]
    tolerance: float = 15
    border: float = 0.1
    compared: tuple[str, str] = ("predicted", "runner_up")


def measure_columns(ndim: int) -> list[str]:
    """Names of the measures, in the order of the table; `ndim` is the number of spatial axes.

    Examples
    --------
    >>> measure_columns(2)[:3]
    ['mask_share', 'energy_in_mask', 'energy_ratio']
    """
    return [
        *("mask_share", "energy_in_mask", "energy_ratio", "rank_accuracy"),
        *("pointing_hit", "pointing_hit_centre", "pointing_random", "iou", "iou_random"),
        *("border_energy", "border_share"),
        *(f"centroid_{axis}" for axis in SPATIAL_NAMES[ndim]),
        *("spread", "entropy", "gini", "zero_map", "agreement"),
        *("similarity_gradcam", "similarity_guided_backprop"),
    ]


def measure_shard(
    maps_by_target: Mapping[str, Mapping[str, np.ndarray]], masks: np.ndarray | None, settings: MeasureSettings
) -> pd.DataFrame:
    """Measure the maps of a shard's samples.

    The measures of where a map lies are those of Grad-CAM, upsampled to the input. What each of them is stands in
    `saliency.metrics.localisation`, `concentration` and `similarity`.

    Parameters
    ----------
    maps_by_target
        By target and method: ``gradcam`` ``(n, *feature_spatial)`` at its own resolution, ``guided_backprop``
        ``(n, c, *spatial)``; raw, NaN where a sample failed. Arrays, or anything that gives arrays when sliced.
    masks
        ``(n, *spatial)``, bool; False everywhere for a sample without an object. None where there are no masks.
    settings
        See `MeasureSettings`.

    Returns
    -------
    DataFrame
        One row per sample and target, samples in order: ``row`` (position in the shard), ``target``, then
        `measure_columns`, all float64. NaN where a measure does not apply: no mask, no such map, a failed sample.
        The similarities of the two targets' maps, ``similarity_gradcam`` on Grad-CAM's grid and
        ``similarity_guided_backprop`` of magnitudes, stand in the rows of both.

    Examples
    --------
    >>> cam = np.array([[[0.0, 0.0], [0.0, 1.0]]], dtype=np.float32)
    >>> masks = np.zeros((1, 8, 8), dtype=bool)
    >>> masks[:, 4:, 4:] = True
    >>> table = measure_shard({"predicted": {"gradcam": cam}}, masks, MeasureSettings((8, 8), tolerance=0))
    >>> table[["row", "target", "mask_share", "energy_in_mask", "pointing_hit"]]
       row     target  mask_share  energy_in_mask  pointing_hit
    0    0  predicted        0.25        0.765625           1.0
    """
    samples = len(next(iter(next(iter(maps_by_target.values())).values())))
    step = max(1, PIXELS // int(np.prod(settings.spatial)))
    parts: dict[str, list[dict[str, np.ndarray]]] = {target: [] for target in maps_by_target}
    for begin in range(0, samples, step):
        rows = slice(begin, min(begin + step, samples))
        batch = {
            target: {name: np.asarray(maps[name][rows]) for name in ("gradcam", "guided_backprop") if name in maps}
            for target, maps in maps_by_target.items()
        }
        inside = None if masks is None else np.asarray(masks[rows]).astype(bool, copy=False)
        for target, measures in _measure_batch(batch, inside, settings).items():
            parts[target].append(measures)
    tables = []
    for target, batches in parts.items():
        columns = {name: np.concatenate([measures[name] for measures in batches]) for name in batches[0]}
        failed = columns.pop("failed")
        table = pd.DataFrame(columns, range(samples), measure_columns(len(settings.spatial)), dtype=np.float64)
        table[failed] = np.nan
        table.insert(0, "target", target)
        table.insert(0, "row", table.index)
        tables.append(table)
    return pd.concat(tables).sort_values("row", kind="stable", ignore_index=True)


def _measure_batch(
    maps_by_target: Mapping[str, Mapping[str, np.ndarray]], masks: np.ndarray | None, settings: MeasureSettings
) -> dict[str, dict[str, np.ndarray]]:
    """Measures by target and name, ``(n,)`` each, and under ``failed`` which samples have no map."""
    of_masks = {}
    dilated = None
    if masks is not None:
        dilated = localisation.dilate(masks, settings.tolerance)
        of_masks = {
            "mask_share": localisation.mask_share(masks),
            "pointing_hit_centre": localisation.pointing_hit_centre(dilated),
            "pointing_random": localisation.pointing_random(dilated),
            "iou_random": localisation.iou_random(masks),
        }
    alike = _similarities(*(maps_by_target.get(target, {}) for target in settings.compared))
    found = {}
    for target, maps in maps_by_target.items():
        any_map = next(iter(maps.values()))
        measures = of_masks | {"failed": np.isnan(any_map.reshape(len(any_map), -1)).any(axis=1)}
        if target in settings.compared:
            measures |= alike
        if "gradcam" in maps:
            cam = upsample(torch.from_numpy(maps["gradcam"]), settings.spatial)[:, 0].numpy()
            measures |= _placement(cam, settings)
            if masks is not None:
                measures |= _localisation(cam, masks, dilated)
            if "guided_backprop" in maps:
                measures["agreement"] = similarity.agreement(maps["gradcam"], maps["guided_backprop"])
        found[target] = measures
    return found


def _localisation(cam: np.ndarray, masks: np.ndarray, dilated: np.ndarray) -> dict[str, np.ndarray]:
    energy = localisation.energy_in_mask(cam, masks)
    accuracy = localisation.rank_accuracy(cam, masks)
    return {
        "energy_in_mask": energy,
        "energy_ratio": energy / localisation.mask_share(masks),
        "rank_accuracy": accuracy,
        "iou": accuracy / (2 - accuracy),
        "pointing_hit": localisation.pointing_hit(cam, dilated),
    }


def _placement(cam: np.ndarray, settings: MeasureSettings) -> dict[str, np.ndarray]:
    centre = concentration.centroid(cam).T
    return {
        "border_energy": concentration.border_energy(cam, settings.border),
        "border_share": np.full(len(cam), concentration.border_share(settings.spatial, settings.border)),
        **{f"centroid_{axis}": values for axis, values in zip(SPATIAL_NAMES[cam.ndim - 1], centre, strict=True)},
        "spread": concentration.spread(cam),
        "entropy": concentration.entropy(cam),
        "gini": concentration.gini(cam),
        "zero_map": concentration.zero_map(cam),
    }


def _similarities(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    if "gradcam" in first and "gradcam" in second:
        found["similarity_gradcam"] = similarity.spearman(first["gradcam"], second["gradcam"])
    if "guided_backprop" in first and "guided_backprop" in second:
        found["similarity_guided_backprop"] = similarity.spearman(
            similarity.magnitude(first["guided_backprop"]), similarity.magnitude(second["guided_backprop"])
        )
    return found
