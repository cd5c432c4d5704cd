"""Keys of ``input`` that a preset of torchvision or timm fills in.

Their packages import torch, which takes seconds. So numbers are read once, and kept in the results folder; jobs, which
plan the experiment again, read them there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from saliency.exceptions import DataError
from saliency.experiment.config import Config, given_inputs, results_folder
from saliency.experiment.keys.experiment import experiment_keys
from saliency.experiment.keys.inputs import MODE, PRESET
from saliency.files.atomic_files import write_json
from saliency.readers.preset import preset_sources

# Numbers of a preset, by its name and the version of its package.
KEPT = "presets.json"
# What a preset decides beside its numbers, so that it replaces all of an experiment's for one model.
_ALWAYS = {"fit": "crop", "order": "rgb"}


def fill_presets(config: Config, keep: bool, results: str | None = None) -> list[str]:
    """Put numbers where a config names a preset; keys beside ``preset`` stay as they are.

    Parameters
    ----------
    config
        As given, before defaults are filled in; changed in place.
    keep
        Whether what had to be read from a package is written to the results folder.
    results
        That folder, None for ``results/EXPERIMENT``.

    Returns
    -------
    list of str
        One line for each preset that cannot be used.
    """
    problems = []
    for place, settings in given_inputs(config):
        preset = settings.get(PRESET.name)
        # What is no text, or stands where there is no such key, is reported as any other value.
        if not isinstance(preset, str) or _mode(config) != "2D":
            continue
        try:
            numbers = _numbers(preset, _kept_file(config, results), keep)
        except DataError as error:
            problems.append(f"{place}.{PRESET.name}: '{preset}': {error}")
            continue
        for name, value in {**_ALWAYS, **numbers}.items():
            settings.setdefault(name, value)
    return problems


def _mode(config: Config) -> Any:
    settings = config.get("input")
    return settings.get(MODE.name, MODE.default) if isinstance(settings, dict) else MODE.default


def _kept_file(config: Config, results: str | None) -> Path | None:
    """None where the experiment's name is none, which is reported as any other value."""
    if results is not None:
        return Path(results) / KEPT
    name, key = config.get("experiment"), next(key for key in experiment_keys() if key.name == "experiment")
    fits = isinstance(name, str) and re.search(key.schema["pattern"], name)
    return results_folder(config) / KEPT if fits else None


def _numbers(preset: str, file: Path | None, keep: bool) -> Mapping[str, Any]:
    package, _, name = preset.partition(":")
    if not name or package not in preset_sources():
        raise DataError(f"is no preset: write {' or '.join(f'{source}:NAME' for source in preset_sources())}")
    try:
        of_version = f"{preset} ({package} {version(package)})"
    except PackageNotFoundError:
        raise DataError(f"the Python package {package} is not installed: pip install {package}") from None
    kept = _read(file)
    if of_version in kept:
        return kept[of_version]
    numbers = preset_sources()[package].keys(name)
    if keep and file:
        # Where nothing can be written, jobs read the preset again.
        with suppress(DataError):
            write_json({**kept, of_version: numbers}, file)
    return numbers


def _read(file: Path | None) -> dict[str, Mapping[str, Any]]:
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
        return found if isinstance(found, dict) else {}
    return {}
