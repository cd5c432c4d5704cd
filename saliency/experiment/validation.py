"""The experiment's configuration: defaults, and everything that is wrong with it at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.experiment.affine_column import affine_problems, with_affines
from saliency.experiment.audited_map import audited_map_problems
from saliency.experiment.black_boxes import black_box_problems
from saliency.experiment.config import (
    Config,
    file_columns,
    input_config,
    made_places,
    read_class_names,
    results_folder,
)
from saliency.experiment.dataset_rows import fill_dataset, row_problems, with_rows
from saliency.experiment.given_values import settle_values
from saliency.experiment.labels import class_names_of, settle_labels
from saliency.experiment.method_problems import method_problems
from saliency.experiment.outputs import EACH_LABEL, labels_are, output_problems, target_names
from saliency.experiment.presets import fill_presets
from saliency.experiment.remote_files import store_problems
from saliency.experiment.schema import config_validator, error_lines, input_validator
from saliency.experiment.sizes import fill_sizes
from saliency.files.code_versions import source_file
from saliency.files.network_files import network_file
from saliency.files.one_line import first_lines, one_line
from saliency.files.paths import find_package, is_file, is_folder, made_by_rule, no_file, resolve
from saliency.files.remote import is_remote
from saliency.files.stores import MISSING, stored_fingerprint
from saliency.files.weights_files import weights_files
from saliency.readers.reader import Mode, Reader
from saliency.readers.registered import reader_of
from saliency.readers.remote import remote_file

# Jobs get a config that has been checked; those that need no table of samples do not wait for pandas.
if TYPE_CHECKING:
    import pandas as pd


def complete_config(
    config: Config,
    check: bool = True,
    name: str = "config",
    command_line: Mapping[str, Any] | None = None,
    results: str | None = None,
) -> tuple[Config, list[str]]:
    """Fill in the defaults of `saliency.experiment.keys` and list everything that is wrong, the manifest included.

    Parameters
    ----------
    config
        As read from YAML; not changed.
    check
        Also check the files that the config names, and the manifest with all of its rows.
    name
        What messages call the config.
    command_line
        What Snakemake got as ``--config``, whose lists and mappings hold texts only; keys of other workflows may be
        among it.
    results
        Where everything is written, None for ``results/EXPERIMENT``.

    Returns
    -------
    config
        A copy with the defaults filled in, and with numbers as text where a text is asked for.
    problems
        One line each: which key, what is wrong, what to do. Empty if all is well.
    """
    config = copy.deepcopy(config)
    filled = [*fill_dataset(config), *fill_presets(config, keep=check, results=results)]
    settle_values(config, config_validator(), command_line or {})
    errors = list(config_validator().iter_errors(config))
    problems = filled + [
        line for error in sorted(errors, key=lambda error: list(map(str, error.path))) for line in error_lines(error)
    ]
    if results is not None:
        config["results"] = results
    broken = {str(error.path[0]) for error in errors if error.path}
    known = {key: value for key, value in config.items() if key not in broken}
    problems += _training_problems(known)
    problems += output_problems(known)
    problems += audited_map_problems(known)
    problems += method_problems(known)
    problems += black_box_problems(known)
    if known.get("precision") == "float64" and known.get("reduced_precision"):
        problems.append("reduced_precision: has no effect on precision float64: leave one of them out")
    input_problems = _input_problems(known)
    problems += input_problems
    if input_problems:
        # Which columns it needs is not known.
        known.pop("input", None)
    table_problems: list[str] = []
    if not problems:
        fill_sizes(config)
    if check:
        problems += _model_problems(known)
        table_problems = [one_line(line) for line in _manifest_problems(known)]
    return config, [one_line(f"{name}: {line}") for line in problems] + table_problems


def awaited_manifest(config: Config) -> Path | None:
    """The manifest as rules write it, if one makes it and has not yet: nothing can be planned before."""
    try:
        made = made_by_rule(resolve(config["manifest"], Path()), made_places(config))
    except FileNotFoundError:
        return None
    return None if made is None or is_file(made) else made


def _training_problems(config: Config) -> list[str]:
    """Give models that are trained here the path of their weights; list what stands in the way."""
    problems = []
    for name, model in config.get("models", {}).items():
        if model["train"] is None or "experiment" not in config:
            continue
        weights = str(results_folder(config) / name / "weights.safetensors")
        if model["weights"] not in (None, weights):
            problems.append(
                f"models.{name}: has weights and train: keep one of them; weights to start with are train.pretrained"
            )
        if config.get("execution") == "fused":
            problems.append(f"models.{name}.train: needs execution: steps, because it reads prepared samples")
        model["weights"] = weights
    return problems


def _file_problem(place: str, name: str, made: Sequence[str] = ()) -> list[str]:
    try:
        path = resolve(name, Path())
        if made_by_rule(path, made):
            return []
        return [] if is_file(path) else [f"{place}: {no_file(name, Path())}"]
    except FileNotFoundError as error:
        return [f"{place}: {error}"]


def _weights_problems(place: str, name: str, made: Sequence[str]) -> list[str]:
    """Of a checkpoint, which may have parts beside it."""
    return _file_problem(place, name, made) or [
        f"{place}: there is no file '{part.name}', a part of the checkpoint '{name}'"
        for part in weights_files(resolve(name, Path()))[1:]
        if not is_file(part)
    ]


def _importable(package: str) -> bool:
    """Whether a package is installed or lies in the working directory, which jobs have on their path."""
    try:
        return bool(find_package(package)) or Path(f"{package}.py").is_file() or Path(package).is_dir()
    except OSError:  # a name that is too long
        return False


def _model_problems(config: Config) -> list[str]:
    problems = []
    for name, model in config.get("models", {}).items():
        place = f"models.{name}"
        in_file = network_file(model["factory"])
        packages = in_file[0].packages if in_file else [model["factory"].partition(":")[0].partition(".")[0]]
        extra = f": pip install 'nip-saliency[{in_file[0].extra}]'" if in_file else ""
        problems += [
            f"{place}.factory: the Python package '{package}' is not installed{extra}"
            for package in packages
            if not _importable(package)
        ]
        if in_file:
            problems += _weights_problems(f"{place}.factory", in_file[1], made_places(config))
        try:
            json.dumps(model["kwargs"], sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            problems.append(f"{place}.kwargs: must be what JSON can hold: {error}")
        pretrained = model["train"]["pretrained"] if model["train"] else None
        for key, weights in (("weights", model["weights"]), ("train.pretrained", pretrained)):
            if weights is not None:
                problems += _weights_problems(f"{place}.{key}", weights, made_places(config))
        read, about = (pretrained, "train.pretrained") if model["train"] else (model["weights"], "weights")
        if read is None:
            problems += [
                f"{place}.{key}: has no effect without {about}: leave it out"
                for key, default in (("weights_key", None), ("weights_prefix", None), ("weights_strict", True))
                if model[key] != default
            ]
        names = model["class_names"]
        if isinstance(names, str):
            missing = _file_problem(f"{place}.class_names", names)
            problems += missing
            try:
                names = None if missing else read_class_names(names)
            except (OSError, UnicodeError) as error:
                problems.append(f"{place}.class_names: '{names}' cannot be read as UTF-8 text: {error}")
                names = None
        if names:
            problems += [
                f"targets: class {target} is outside the {len(names)} class_names of {place}"
                for target in config.get("targets", [])
                if isinstance(target, int) and target >= len(names)
            ]
    return problems


def _input_problems(config: Config) -> list[str]:
    """Problems of ``input``, and of the models' own, found by checking what they make of the experiment's."""
    if "input" not in config:
        return []
    problems = _shape_problems("input", config["input"])
    if config["input"]["mode"] == "2D" and config.get("patches"):
        problems.append("patches: are cut out of volumes (input.mode 3D)")
    if config["input"]["mode"] == "2D" and config.get("export", "none") != "none":
        problems.append("export: is for volumes (input.mode 3D)")
    validator = input_validator(config["input"]["mode"])
    for name, model in config.get("models", {}).items():
        if "mode" in model["input"]:
            problems.append(f"models.{name}.input.mode: cannot differ between models: set it in input")
        elif model["input"]:
            merged = input_config(config, name)
            wrong = [
                line for error in validator.iter_errors(merged) for line in error_lines(error, "models", name, "input")
            ]
            problems += wrong or _shape_problems(f"models.{name}.input", merged)
    return problems


def _shape_problems(place: str, settings: Config) -> list[str]:
    problems = []
    if settings["mode"] == "2D" and settings["crop"] is None and not isinstance(settings["resize"], list):
        problems.append(f"{place}: all samples must get one shape: set crop, or resize to [height, width]")
    if settings["mode"] == "3D":
        if settings["crop"] is None and settings["resize"] is None:
            problems.append(f"{place}: all samples must get one shape: set crop, or resize")
        if settings["resize"] is not None and settings["voxel_size"] is not None:
            problems.append(f"{place}: has resize and voxel_size, which both say how large voxels become: keep one")
    if settings.get("order") == "bgr" and settings["channels"] != 3:
        problems.append(f"{place}.order: bgr is an order of 3 channels: leave it out")
    if settings.get("transform") and source_file(settings["transform"]) is None:
        problems.append(f"{place}.transform: there is no module of Python '{settings['transform'].partition(':')[0]}'")
    ranges = [key for key in ("value_range", "window") if settings.get(key)]
    problems += [
        f"{place}.{key}: {settings[key]} does not rise: write the smaller number first"
        for key in ranges
        if settings[key][0] >= settings[key][1]
    ]
    if settings["mode"] == "3D" and (settings["intensity"] == "window") != bool(settings["window"]):
        problems.append(f"{place}: intensity: window and the key window need each other: set both, or none of them")
    if len(ranges) > 1:
        problems.append(f"{place}: has value_range and window: keep one of them")
    channels = settings["channels"]
    count = channels if isinstance(channels, int) else len(channels)
    return problems + [
        f"{place}.{key}: has {len(settings[key])} values for {count} channels"
        for key in ("mean", "std")
        if len(settings[key]) not in (1, count)
    ]


def _patch_problems(config: Config, table: pd.DataFrame, path: Path) -> list[str]:
    settings = config["patches"]
    folders = [
        f"patches.{key}: there is no folder '{settings[key]}'"
        for key in ("volumes", "masks")
        if not is_folder(resolve(settings[key], Path()))
    ]
    missing = [
        f"{path}: column '{name}' is missing: patches need it"
        for name in ("path", "mask", "volume", "label")
        if name not in table
    ]
    if folders or missing or "experiment" not in config:
        return folders + missing
    elsewhere = [
        f"{path}: sample '{sample}', column {column}: '{name}' must lie in {results_folder(config)}, where patches go"
        for column in ("path", "mask")
        for sample, name in zip(table["id"], table[column], strict=True)
        if not made_by_rule(path.parent / name, [str(results_folder(config))])
    ]
    absent = [
        f"{path}: sample '{sample}', column volume: there is no file '{name}' in {settings[kind]}"
        for kind in ("volumes", "masks")
        for sample, name in zip(table["id"], table["volume"], strict=True)
        if not is_file(resolve(settings[kind], Path()) / name)
    ]
    return first_lines(elsewhere, str(path)) + first_lines(absent, str(path))


def _sample_exists(mode: Mode, used: dict[str, Reader], refused: frozenset[Path]) -> Callable[[Path], bool]:
    """Whether there is a sample's file; the readers of all that were asked for are put into `used`.

    Of what is refused in a store, something else is said.
    """
    containers: dict[Path, bool] = {}

    def exists(path: Path) -> bool:
        reader = used.setdefault((found := reader_of(path, mode)).name, found)
        if is_remote(path):
            return path in refused or stored_fingerprint(remote_file(path, reader)) != MISSING
        if not reader.members:
            return reader.exists(path)
        # Looked at once, for all samples in it.
        file = reader.file(path)
        if file not in containers:
            containers[file] = reader.exists(path)
        return containers[file]

    return exists


def _readable_class_names(config: Config) -> dict[str, list[str]]:
    """Those of each model; what cannot be read is reported elsewhere."""
    try:
        return class_names_of(config)
    except (OSError, ValueError):
        return {}


def _manifest_problems(config: Config) -> list[str]:
    from saliency.experiment.columns import measured_columns
    from saliency.experiment.manifest import line_numbers, manifest_problems, read_manifest

    if "manifest" not in config:
        return []
    try:
        path = resolve(config["manifest"], Path())
    except FileNotFoundError as error:
        return [f"manifest: {error}"]
    if awaited_manifest(config):
        return []
    table, problems = read_manifest(path)
    if problems and table.empty:
        return problems
    if wrong := row_problems(table, config):
        return [*problems, *(f"{path}: {line}" for line in wrong)]
    if bad_affines := affine_problems(table, config, path.parent):
        numbers = line_numbers(path, len(table))
        told = [one_line(f"{path}: line {numbers[row]}, column affine: {what}") for row, what in bad_affines]
        problems += first_lines(told, f"{path}: column affine")
    table = with_affines(with_rows(table, config), config)
    models = config.get("models", {})
    complete = "input" in config and "region" in config
    training = {name: model["train"] for name, model in models.items() if model["train"]}
    used: dict[str, Reader] = {}
    named = list(dict.fromkeys(column for name in models if complete for column in file_columns(config, name)))
    optional = ["mask"] if config.get("audit") and "mask" in table else []
    refused = frozenset[Path]()
    if complete:
        in_stores, refused = store_problems(table, path, [*named, *optional], config["input"]["mode"])
        problems += in_stores
    problems += manifest_problems(
        table,
        path,
        labels_needed=any(target in config.get("targets", []) for target in ("label", EACH_LABEL)) or bool(training),
        files=config.get("on_error") != "skip",
        columns=named,
        made=made_places(config),
        optional=optional,
        exists=_sample_exists(config["input"]["mode"], used, refused) if "input" in config else is_file,
        labels=labels_are(config) if models else "class",
        class_names=_readable_class_names(config),
        measured=measured_columns(config),
    )
    if "label" in table and models:
        settled = settle_labels(table["label"].tolist(), labels_are(config), _readable_class_names(config))
        table = table.assign(label=settled.values)
    problems += [
        f"{path}: names files of {reader.title}, and the Python package {reader.package} is not installed: pip install "
        f"'nip-saliency[{reader.extra}]'"
        for reader in used.values()
        if reader.package and find_package(reader.package) is None
    ]
    if config.get("audit"):
        header = f"the header has: {', '.join(map(str, table.columns))}"
        grouped = [*(config["audit"]["columns"] or []), *config["audit"]["where"]]
        problems += [
            f"{path}: column '{name}' is missing, which the config names in audit; {header}"
            for name in grouped
            if name not in table
        ]
    if config.get("patches"):
        problems += _patch_problems(config, table, path)
    each = EACH_LABEL in config.get("targets", []) and "label" in table and not problems
    if each and not target_names([EACH_LABEL], table["label"].tolist(), "classes"):
        problems.append(f"{path}: no label has a class, but targets asks for each of them")
    for name, settings in training.items():
        column = settings["split"]
        if column not in table:
            problems.append(f"{path}: column '{column}' is missing, which models.{name}.train.split names")
        elif "label" in table and not ((table[column] == "train") & (table["label"] != "")).any():
            problems.append(f"{path}: no row with a label has 'train' in column '{column}': models.{name} needs one")
    known = set(table["id"]) if "id" in table else set()
    for place, wanted in [("plots.samples", config.get("plots", {}).get("samples")), ("export", config.get("export"))]:
        if isinstance(wanted, list) and "id" in table:
            lines = [f"{path}: has no id '{name}', which the config names in {place}" for name in wanted]
            unknown = [line for line, name in zip(lines, wanted, strict=True) if name not in known]
            problems += first_lines(unknown, f"{path}: {place}")
    return problems
