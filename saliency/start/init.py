"""``python -m saliency init``: from files as they lie on the disk to a manifest, a config, and the command to run."""

from __future__ import annotations

import copy
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from saliency.exceptions import DataError
from saliency.experiment.presets import AUTO, fill_presets
from saliency.experiment.validation import complete_config
from saliency.files.atomic_files import write_atomically
from saliency.files.paths import is_file, is_folder
from saliency.start.inputs import input_of
from saliency.start.networks import fitted_kwargs
from saliency.start.tables import Dataset, dataset_of, relative_to

_PLACEHOLDER = "package.module:callable"
_SNAKEFILE = Path(__file__).parents[2] / "Snakefile"


def init(
    place: Path,
    config: Path | None = None,
    factory: str | None = None,
    weights: Path | None = None,
    preset: str | None = None,
) -> list[str]:
    """Write the manifest and the config of a dataset.

    Parameters
    ----------
    place
        Its folder, or a table that names its files.
    config
        Where to write the config; the manifest lies beside it. None for ``config/NAME.yaml``, with the name of `place`.
    factory
        The model's ``factory``.
    weights
        Its checkpoint.
    preset
        ``input.preset``, where pictures are prepared otherwise than by default.

    Returns
    -------
    list of str
        What was taken for what, and as the last line the next command.

    Raises
    ------
    DataError
        If nothing can be made of `place`, or a file is there already.
    """
    if not is_folder(place) and not is_file(place):
        raise DataError(f"{place}: there is no such folder or table")
    if weights and not factory:
        raise DataError("--weights: needs --model, which builds the network that they are for")
    if preset == AUTO and not factory:
        raise DataError(f"--preset {AUTO}: needs --model, whose preset it takes")
    if weights and not is_file(weights):
        raise DataError(f"--weights: there is no file '{weights}'")
    name = _plain(place.resolve().stem if is_file(place) else place.resolve().name) or "dataset"
    config = config or Path("config") / f"{name}.yaml"
    if config.suffix not in (".yaml", ".yml"):
        raise DataError(f"{config}: is no name of a config: let it end in .yaml")
    manifest = config.with_suffix(".csv")
    if there := [str(path) for path in (config, manifest) if path.exists()]:
        raise DataError(f"{' and '.join(there)}: there already: remove it, or give another name with --config")
    dataset = dataset_of(place.absolute())
    experiment = config.stem if _is_name(config.stem) else name
    settings, problem = _config(dataset, experiment, manifest, factory, weights, preset)
    table = dataset.table.copy()
    for column in {"path", "mask"} & set(table):
        table[column] = [relative_to(path, manifest.absolute().parent) for path in table[column]]
    config.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(manifest, table.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(config, _text(settings, place, dataset).encode())
    said = [*dataset.said, f"wrote {manifest} and {config}"]
    problems = [problem] if problem else complete_config(settings, name=str(config))[1] if factory else []
    return [*said, *problems, _next(config, bool(factory), bool(problems))]


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) is not None


def _config(
    dataset: Dataset, name: str, manifest: Path, factory: str | None, weights: Path | None, preset: str | None
) -> tuple[dict[str, Any], str]:
    model_name = _plain(factory.rpartition(":")[2]) if factory else "network"
    model: dict[str, Any] = {"factory": factory or _PLACEHOLDER, "weights": str(weights) if weights else None}
    config: dict[str, Any] = {
        "experiment": name,
        "manifest": manifest.as_posix(),
        "input": {"mode": "2D", "preset": preset} if preset else input_of(dataset),
        "models": {model_name: model},
        "targets": ["predicted"],
    }
    if preset:
        _check_preset(dataset, config, preset)
    if dataset.mode == "3D":
        # Volumes are large, and networks of volumes need much memory for each.
        config |= {"shard_size": "auto", "batch_size": 1}
    problem = ""
    if factory:
        kwargs, classes, problem = fitted_kwargs(config, model_name, len(dataset.classes))
        if kwargs:
            model["kwargs"] = kwargs
            dataset.said.append(f"models.{model_name}.kwargs: {kwargs}, with which the network takes the weights")
        if classes and dataset.classes and classes != len(dataset.classes):
            # Which of the network's classes a name is, is not known.
            dataset.said.append(
                f"column label is left out, and kept as label_given: the network has {classes} classes, and the "
                f"labels name {len(dataset.classes)}; class_names in the config can list the network's"
            )
            dataset.table = dataset.table.rename(columns={"label": "label_given"})
            dataset.classes = []
    if dataset.classes:
        model["class_names"] = dataset.classes
        shown = ", ".join(f"{index} {name}" for index, name in enumerate(dataset.classes[:10]))
        further = ", …" if len(dataset.classes) > 10 else ""
        dataset.said.append(f"class_names: {shown}{further}, the order in which torchvision's ImageFolder numbers them")
    return config, problem


def _check_preset(dataset: Dataset, config: dict[str, Any], preset: str) -> None:
    """Refuse a preset before anything is written; say what it is."""
    if dataset.mode == "3D":
        raise DataError("--preset: is for pictures, and these are volumes: leave it out")
    filled = copy.deepcopy(config)
    if problems := fill_presets(filled, keep=False):
        raise DataError("\n".join(problems))
    numbers = filled["input"]
    shown = ", ".join(f"{key} {value}" for key, value in numbers.items() if key not in ("mode", "preset"))
    dataset.said.append(f"input: {numbers['preset']}, that is {shown}")


def _text(settings: dict[str, Any], place: Path, dataset: Dataset) -> str:
    command = f"python -m saliency init {shlex.quote(str(place))}"
    lines = [f"# Written by `{command}`; config/README.md explains every key.", "#"]
    lines += [f"# {line}" for line in dataset.said]
    body = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    return "\n".join([*lines, body])


def _next(config: Path, model: bool, problems: bool) -> str:
    snakefile = "" if Path("Snakefile").is_file() else f"--snakefile {shlex.quote(str(_SNAKEFILE))} "
    if snakefile and not _SNAKEFILE.is_file():
        snakefile = "--snakefile SNAKEFILE-OF-THE-REPOSITORY "
    command = f"snakemake --cores all {snakefile}--configfile {shlex.quote(str(config))}"
    if not model:
        return f"next: set the model's factory and weights in {config}, then: {command}"
    return f"next: mend the above in {config}, then: {command}" if problems else f"next: {command}"
