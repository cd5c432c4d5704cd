"""Where the object is in one shard's samples, packed for the page, which draws the outline of each mask."""

import logging
from pathlib import Path

import numpy as np

from saliency.audit.grid import pool
from saliency.audit.masks import read_masks
from saliency.experiment.config import Config
from saliency.experiment.plan import Plan
from saliency.experiment.report_size import report_shape, report_side
from saliency.files.atomic_files import write_atomically
from saliency.report.scripts import data_script
from saliency.report.sprites import mosaics_content, sprite_content

log = logging.getLogger(__name__)


def mask_levels(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Levels of a mask, reduced: 255 inside, 0 outside; None for one that is empty.

    A cell is inside where at least half of it is. A mask that is smaller than that everywhere keeps the cells that it
    touches.

    Examples
    --------
    >>> mask_levels(np.array([True, True, True, False]), (2,)), mask_levels(np.array([False, False, True, False]), (1,))
    (array([255, 255], dtype=uint8), array([255], dtype=uint8))
    """
    share = pool(mask, shape)
    # Averages of ones are rounded.
    inside = share >= 0.5 - 1e-9
    if not inside.any():
        inside = share > 0
    return np.where(inside, np.uint8(255), np.uint8(0)) if inside.any() else None


def write_outlines(config: Config, model: str, shard: int, output: Path) -> None:
    """Write the masks of a shard, of an experiment whose manifest has some.

    Parameters
    ----------
    config, model, shard
        The completed config, the model's name, the shard's number.
    output
        Script to write: of photographs one with sprites, of volumes one with mosaics.
    """
    plan = Plan(config)
    spatial = plan.spatial_shape(model)
    shape = tuple(report_shape(spatial, report_side(plan)))
    rows = plan.rows(shard)
    found = []
    for number in range(len(rows)):
        # One at a time: masks of a whole shard may not fit into memory.
        masks = read_masks(plan, model, rows.iloc[[number]], spatial)
        if masks is None:
            raise ValueError("the manifest has no column of masks")
        found.append(mask_levels(masks[0], shape))
    # WebP with losses would fray the edges.
    content = {
        "shape": shape,
        "ranges": [None if levels is None else [0, 1] for levels in found],
        **(mosaics_content(found, exact=True) if plan.ndim == 3 else sprite_content(found, shape, exact=True)),
    }
    name = f"{model}/volumes/mask/{shard}" if plan.ndim == 3 else f"{model}/mask/{shard}"
    write_atomically(output, data_script(name, content))
    log.info("%d of %d samples have a mask", sum(levels is not None for levels in found), len(found))
