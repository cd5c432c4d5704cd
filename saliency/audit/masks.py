"""Where the object is in the samples of an audit: masks on the grid of the inputs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from saliency.exceptions import InputError
from saliency.experiment.config import input_config
from saliency.experiment.plan import Plan
from saliency.readers.boxes import boxes_mask
from saliency.readers.images import Preprocessing
from saliency.readers.samples import preprocessing_of

log = logging.getLogger(__name__)


def read_masks(plan: Plan, model: str, rows: pd.DataFrame, spatial: Sequence[int]) -> np.ndarray | None:
    """Masks of some samples, ``(n, *spatial)``, bool; None where the manifest has none.

    Empty for samples without one, and for those whose mask cannot be read, which the log names.

    Parameters
    ----------
    plan, model
        The experiment, and of which of its models the inputs are.
    rows
        Of the manifest.
    spatial
        Shape of inputs.
    """
    column = plan.mask_column
    if column is None:
        return None
    masks = np.zeros((len(rows), *spatial), dtype=bool)
    preprocessing = preprocessing_of(input_config(plan.config, model))
    for number, (text, found) in enumerate(zip(rows[column], plan.mask_files(rows, model), strict=True)):
        if not text:
            continue
        try:
            if column == "mask":
                masks[number] = preprocessing.read_mask(found)
            elif isinstance(preprocessing, Preprocessing):
                masks[number] = boxes_mask(text, preprocessing.file_size(found["path"]), preprocessing)
        except InputError as error:
            log.warning(
                "sample '%s', column %s: %s: it counts as one without a mask", rows["id"].iloc[number], column, error
            )
    return masks
