"""Keys of ``input`` that a preset of torchvision or timm fills in.

Their packages import torch, which takes seconds. So numbers are read once, and kept in the results folder; jobs, which
plan the experiment again, read them there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
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
# Asks for the preset that belongs to a model's weights.
AUTO = "auto"


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
    if _mode(config) != "2D":
        # Where there is no such key, it is reported as any other that is unknown.
        return []
    file = _kept_file(config, results)
    problems = _settle_auto(config, file, keep)
    for place, settings in given_inputs(config):
        preset = settings.get(PRESET.name)
        # What is no text is reported as any other value.
        if not isinstance(preset, str) or preset == AUTO:
            continue
        try:
            numbers = _numbers(preset, file, keep)
        except DataError as error:
            problems.append(f"{place}.{PRESET.name}: '{preset}': {error}")
            continue
        for name, value in {**_ALWAYS, **numbers}.items():
            settings.setdefault(name, value)
    return problems


def _settle_auto(config: Config, file: Path | None, keep: bool) -> list[str]:
    """Put the presets of the models' weights where they are asked for; one line for each that cannot be known."""
    problems: list[str] = []
    experiment, models = (found if isinstance(found := config.get(key), dict) else {} for key in ("input", "models"))
    of_all, shared = experiment.get(PRESET.name) == AUTO, {}
    for name, model in models.items():
        if not isinstance(model, dict) or not isinstance(own := model.get("input") or {}, dict):
            continue
        inherits = of_all and PRESET.name not in own
        if not inherits and own.get(PRESET.name) != AUTO:
            continue
        try:
            found = _preset_of(model, file, keep)
        except DataError as error:
            of = ("input", f"models.{name}: ") if inherits else (f"models.{name}.input", "")
            problems.append(f"{of[0]}.{PRESET.name}: '{AUTO}': {of[1]}{error}")
            continue
        if inherits:
            shared[name] = found
        else:
            # A new one: by an alias of YAML, that of another model may be the same.
            model["input"] = {**own, PRESET.name: found}
    if of_all and len(set(shared.values())) == 1:
        experiment[PRESET.name] = next(iter(shared.values()))
    else:
        for name, preset in shared.items():
            # Keys beside it win for each of them.
            beside = {key: value for key, value in experiment.items() if key not in (MODE.name, PRESET.name)}
            models[name]["input"] = {**beside, **(models[name].get("input") or {}), PRESET.name: preset}
    return problems


def _preset_of(model: Config, file: Path | None, keep: bool) -> str:
    """The preset that belongs to a model's weights, ``package:PRESET``."""
    factory, kwargs, checkpoint = model.get("factory"), model.get("kwargs") or {}, bool(model.get("weights"))
    package = re.split(r"[.:]", str(factory))[0]
    if not isinstance(factory, str) or not isinstance(kwargs, dict) or package not in preset_sources():
        ways = " or ".join(f"{source}:NAME" for source in preset_sources())
        raise DataError(
            f"'{factory}' is of none of {', '.join(preset_sources())}, which publish presets: set preset to {ways}, or "
            "leave it out"
        )
    source = preset_sources()[package]
    question = f"{AUTO} {factory} {json.dumps(kwargs, sort_keys=True, default=str)} {checkpoint}"
    answer = _kept(question, package, lambda: {PRESET.name: source.of_network(factory, kwargs, checkpoint)}, file, keep)
    return f"{package}:{answer[PRESET.name]}"


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
    return _kept(preset, package, lambda: preset_sources()[package].keys(name), file, keep)


def _kept(
    question: str, package: str, answer: Callable[[], Mapping[str, Any]], file: Path | None, keep: bool
) -> Mapping[str, Any]:
    """What a version of a package says, asked once."""
    try:
        of_version = f"{question} ({package} {version(package)})"
    except PackageNotFoundError:
        raise DataError(f"the Python package {package} is not installed: pip install {package}") from None
    kept = _read(file)
    if of_version in kept:
        return kept[of_version]
    said = answer()
    if keep and file:
        # Where nothing can be written, jobs read the preset again.
        with suppress(DataError):
            write_json({**kept, of_version: said}, file)
    return said


def _read(file: Path | None) -> dict[str, Mapping[str, Any]]:
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
        return found if isinstance(found, dict) else {}
    return {}
