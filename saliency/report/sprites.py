"""The pictures of one shard's samples, packed for the page: one file for the inputs and one for each kind of map."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes

from saliency.experiment.config import Config, file_columns
from saliency.experiment.plan import Plan
from saliency.experiment.report_size import report_shape, report_side
from saliency.figures.slices import AXIAL
from saliency.figures.webp import EXACT_SIDE, webp
from saliency.files.atomic_files import write_atomically
from saliency.methods.registered import method
from saliency.readers.volumes import sides_known
from saliency.report.scripts import data_script
from saliency.report.tiles import axial_slice, grid_size, map_levels, mosaic, sample_levels, sheets, tile_size
from saliency.store.codec import ArraySpec, read_blocks, read_shard
from saliency.store.layout import plan_specs
from saliency.store.shard import files_by_path

log = logging.getLogger(__name__)


def layers(plan: Plan) -> list[str]:
    """What is drawn of each sample: the array of its input, and those of the maps."""
    return ["inputs", *(f"{target}/{name}" for target in plan.targets for name in plan.methods)]


def write_sprites(
    config: Config,
    model: str,
    shard: int,
    files: Mapping[str, str | Path | Sequence[str | Path]],
    descriptions: Sequence[str | Path],
    pictures: Sequence[str | Path],
    volumes: Sequence[str | Path],
) -> None:
    """Write the pictures of a shard.

    Parameters
    ----------
    config, model, shard
        The completed config, the model's name, the shard's number.
    files
        The shard's files by array, as of `saliency.store.shard.Shard`: ``inputs``, for volumes ``affine``, and the
        methods.
    descriptions
        The model's JSON descriptions.
    pictures, volumes
        Scripts to write, one for each of `layers`. Of volumes, each sample's picture is the axial slice through the
        peak of the first target's leading map, and the whole is in `volumes`, which is empty for photographs.
    """
    plan = Plan(config)
    specs = plan_specs(plan, model, descriptions)
    found_files = files_by_path(files, plan.arrays, plan.targets)
    names = layers(plan)
    outputs = dict(zip(names, map(Path, pictures), strict=True))
    volume_outputs = dict(zip(names, map(Path, volumes), strict=True)) if plan.ndim == 3 else {}
    count = len(plan.rows(shard))
    shape = tuple(report_shape(plan.spatial_shape(model), report_side(plan)))
    exact = max(plan.spatial_shape(model)) <= EXACT_SIDE
    levels = None
    if plan.ndim == 3:
        name = f"{plan.targets[0]}/{plan.leading or plan.methods[0]}"
        levels = [_peak_level(name, cam, shape) for cam in _samples(found_files[name], count, specs[name])]
    for name in names:
        drawn = [_picture(name, values, shape) for values in _samples(found_files[name], count, specs[name])]
        identity = f"{model}/{name}/{shard}"
        ranges = [None if picture is None else picture[1] for picture in drawn]
        found = [None if picture is None else picture[0] for picture in drawn]
        if levels is not None:
            content: dict[str, object] = {"shape": shape, "ranges": ranges} | mosaics_content(found, exact)
            if name == "inputs":
                content["spacing"] = _spacing(plan, model, shape, found_files["affine"], count, specs["affine"])
                paths = map(plan.path, plan.values(file_columns(config, model)[0], shard))
                guessed = [number for number, path in enumerate(paths) if not sides_known(path)]
                content |= {"guessed": guessed} if guessed else {}
            write_atomically(volume_outputs[name], data_script(f"{model}/volumes/{name}/{shard}", content))
            found = [
                None if volume is None else axial_slice(volume, level)
                for volume, level in zip(found, levels, strict=True)
            ]
        content = {"ranges": ranges, **sprite_content(found, shape, exact)}
        if levels is not None:
            content["levels"] = levels
        write_atomically(outputs[name], data_script(identity, content))
        log.info("%s: %d of %d samples", name, sum(picture is not None for picture in found), count)


def _samples(path: Path, count: int, spec: ArraySpec) -> Iterator[np.ndarray]:
    for block in read_blocks(path, count, spec):
        yield from block


def _picture(name: str, values: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, list[float]] | None:
    """Levels and range of an input or a map; None where there is none."""
    if not np.isfinite(values).all():
        return None
    last = name.rpartition("/")[2]
    if last == "inputs":
        return sample_levels(values, shape), [0, 1]
    kind = method(last)
    found, low, high = map_levels(values if kind.channels else values[np.newaxis], shape, kind.signed)
    return found, [float(f"{low:.4g}"), float(f"{high:.4g}")]


def _peak_level(name: str, cam: np.ndarray, shape: tuple[int, ...]) -> int:
    """Axial slice through the largest value; the middle one where there is none."""
    picture = _picture(name, cam, shape)
    if picture is None or picture[0].min() == picture[0].max():
        return shape[AXIAL] // 2
    return int(np.unravel_index(picture[0].argmax(), shape)[AXIAL])


def sprite_content(pictures: list[np.ndarray | None], shape: tuple[int, ...], exact: bool) -> dict[str, object]:
    """Pack pictures of a shape on sheets; None leaves its place empty."""
    size = tile_size(shape)
    blank = np.zeros(next((picture.shape for picture in pictures if picture is not None), size), dtype=np.uint8)
    tiles = np.stack([blank if picture is None else picture for picture in pictures])
    rows, columns = grid_size(*size)
    return {"size": size, "rows": rows, "columns": columns, "sheets": [webp(sheet, exact) for sheet in sheets(tiles)]}


def mosaics_content(volumes: list[np.ndarray | None], exact: bool) -> dict[str, object]:
    """Pack volumes, each as a mosaic of its axial slices."""
    found: list[str | None] = []
    columns = 0
    for volume in volumes:
        if volume is None:
            found.append(None)
        else:
            picture, columns = mosaic(volume)
            found.append(webp(picture, exact))
    return {"mosaics": found, "columns": columns}


def _spacing(
    plan: Plan, model: str, shape: tuple[int, ...], path: Path, count: int, spec: ArraySpec
) -> list[list[float] | None]:
    """Size of the voxels that are shown, in mm."""
    factors = np.divide(plan.spatial_shape(model), shape)
    affines = read_shard(path, count, spec)
    return [
        [round(float(size), 4) for size in voxel_sizes(affine) * factors] if np.isfinite(affine).all() else None
        for affine in affines
    ]
