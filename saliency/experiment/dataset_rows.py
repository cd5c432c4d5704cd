"""Samples that a dataset of the user's returns: what the config means without files, and which row is which sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saliency.experiment.config import Config, given_inputs
from saliency.experiment.keys.inputs import DATASET, MODE
from saliency.files.code_versions import source_file
from saliency.readers.formats.torch_datasets import SUFFIX

if TYPE_CHECKING:
    import pandas as pd

INDEX = "index"
# Nothing is done to a tensor that the config does not name.
_AS_RETURNED: dict[str, dict[str, Any]] = {
    "2D": {"resize": None, "mean": [0], "std": [1]},
    "3D": {"intensity": "none", "intensity_over": "all"},
}


def fill_dataset(config: Config) -> list[str]:
    """Put what takes tensors as they are where a config names a dataset and says nothing else.

    Parameters
    ----------
    config
        As given, before defaults are filled in; changed in place.

    Returns
    -------
    list of str
        One line for each problem.
    """
    of_models = dict(given_inputs(config))
    settings = of_models.pop("input", {})
    problems = [
        f"{place}.{DATASET.name}: cannot differ between models: set it in input"
        for place, of_model in of_models.items()
        if of_model.get(DATASET.name)
    ]
    dataset = settings.get(DATASET.name)
    if not isinstance(dataset, str):
        return problems
    place = f"input.{DATASET.name}"
    if source_file(dataset) is None:
        problems.append(f"{place}: there is no module of Python '{dataset.partition(':')[0]}'")
    if settings.get("crop") is None:
        problems.append(f"{place}: needs crop, which says the shape of its tensors: set it")
    if isinstance(settings.get("channels"), list):
        problems.append(f"{place}: returns all channels at once: set channels to their number")
    if settings.get("preset"):
        problems.append(f"{place}: returns tensors, and a preset is for files: keep one of them")
    for name, value in _AS_RETURNED.get(settings.get(MODE.name, MODE.default), {}).items():
        settings.setdefault(name, value)
    return problems


def row_problems(table: pd.DataFrame, config: Config) -> list[str]:
    """Say what of a manifest contradicts the dataset that its rows are of."""
    if not _dataset(config):
        return []
    problems = ["column 'path' and input.dataset both say where samples are: remove one"] if "path" in table else []
    wrong = [value for value in table[INDEX] if not value.isdecimal()] if INDEX in table else []
    return problems + [f"column {INDEX}: '{value}' is no row of input.dataset: count from 0" for value in wrong[:10]]


def with_rows(table: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Name the row of a dataset that each sample is, as its ``path``; other tables stay as they are."""
    dataset = _dataset(config)
    if not dataset or "path" in table:
        return table
    rows = table[INDEX] if INDEX in table else range(len(table))
    return table.assign(path=[f"{dataset}{SUFFIX}#{row}" for row in rows])


def _dataset(config: Config) -> str | None:
    found: str | None = config.get("input", {}).get(DATASET.name)
    return found
