"""The experiment's configuration: defaults, and everything that is wrong with it at once."""

import copy
import difflib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from saliency.manifest import manifest_problems, read_manifest
from saliency.paths import find_package, is_file, resolve

Config = dict[str, Any]


def complete_config(
    config: Config, schema: Config, check: bool = True, name: str = "config"
) -> tuple[Config, list[str]]:
    """Fill in the schema's defaults and list everything that is wrong, the manifest included.

    Parameters
    ----------
    config
        As read from YAML; not changed.
    schema
        JSON schema (2020-12) with ``default`` entries.
    check
        Also check the files that the config names, and the manifest with all of its rows.
    name
        What messages call the config.

    Returns
    -------
    config
        A copy with the defaults filled in.
    problems
        One line each: which key, what is wrong, what to do. Empty if all is well.
    """
    config = copy.deepcopy(config)
    errors = list(_with_defaults(schema).iter_errors(config))
    problems = [
        line for error in sorted(errors, key=lambda error: list(map(str, error.path))) for line in _lines(error, schema)
    ]
    table_problems: list[str] = []
    if check:
        broken = {str(error.path[0]) for error in errors if error.path}
        known = {key: value for key, value in config.items() if key not in broken}
        problems += _model_problems(known) + _input_problems(known)
        table_problems = _manifest_problems(known)
    return config, [f"{name}: {line}" for line in problems] + table_problems


def input_config(config: Config, model: str) -> Config:
    """How the images are prepared for one model: the experiment's ``input``, overridden by the model's own."""
    return {**config["input"], **config["models"][model]["input"]}


def read_class_names(names: list[str] | str | None) -> list[str]:
    """Class names given as a list, or as a file with one name per line; [] where there are none."""
    if isinstance(names, str):
        return resolve(names, Path()).read_text(encoding="utf-8-sig").splitlines()
    return names or []


def _with_defaults(schema: Config) -> Draft202012Validator:
    """Make a validator that fills in defaults as it goes (the recipe of the jsonschema documentation)."""
    properties_rule = Draft202012Validator.VALIDATORS["properties"]

    def properties(validator: Any, properties: Config, instance: Any, schema: Config) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for name, rule in properties.items():
                if "default" in rule:
                    instance.setdefault(name, copy.deepcopy(rule["default"]))
        yield from properties_rule(validator, properties, instance, schema)

    # To JSON Schema 8.0 is an integer, and NaN a number; neither can be used as one.
    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                (isinstance(value, int) and not isinstance(value, bool))
                or (isinstance(value, float) and math.isfinite(value))
            ),
        }
    )
    return extend(Draft202012Validator, {"properties": properties}, type_checker=types)(schema)


def _known_keys(rule: Config, schema: Config) -> list[str]:
    """Keys that a rule names itself or by its ``$ref``."""
    definition = schema.get("$defs", {}).get(rule.get("$ref", "").rpartition("/")[2], {})
    return list(dict.fromkeys([*rule.get("properties", {}), *definition.get("properties", {})]))


def _lines(error: ValidationError, schema: Config) -> list[str]:
    place = ".".join(map(str, error.path))
    prefix = f"{place}: " if place else ""
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        allowed = _known_keys(error.schema, schema)
        unknown = [key for key in error.instance if key not in allowed]
        lines = []
        for key in unknown:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(allowed)}"
            lines.append(f"{prefix}unknown key '{key}'; {hint}")
        return lines
    if "description" in error.schema and error.validator in ("type", "pattern", "anyOf", "oneOf"):
        return [f"{prefix}{error.instance!r} does not fit: {error.schema['description']}"]
    return [f"{prefix}{error.message}"]


def _file_problem(place: str, name: str) -> list[str]:
    try:
        return [] if is_file(resolve(name, Path())) else [f"{place}: there is no file '{name}'"]
    except FileNotFoundError as error:
        return [f"{place}: {error}"]


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
        package = model["factory"].partition(":")[0].partition(".")[0]
        if not _importable(package):
            problems.append(f"{place}.factory: the Python package '{package}' is not installed")
        try:
            json.dumps(model["kwargs"], sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            problems.append(f"{place}.kwargs: must be what JSON can hold: {error}")
        if model["weights"] is not None:
            problems += _file_problem(f"{place}.weights", model["weights"])
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
    if "input" not in config:
        return []
    problems = []
    for place, settings in [
        ("input", config["input"]),
        *((f"models.{name}.input", input_config(config, name)) for name in config.get("models", {})),
    ]:
        if settings["crop"] is None and not isinstance(settings["resize"], list):
            problems.append(f"{place}: all samples must get one shape: set crop, or resize to [height, width]")
        problems += [
            f"{place}.{key}: has {len(settings[key])} values for {settings['channels']} channels"
            for key in ("mean", "std")
            if len(settings[key]) not in (1, settings["channels"])
        ]
    return list(dict.fromkeys(problems))


def _manifest_problems(config: Config) -> list[str]:
    if "manifest" not in config:
        return []
    path = Path(config["manifest"])
    table, problems = read_manifest(path)
    if problems and table.empty:
        return problems
    problems += manifest_problems(
        table,
        path,
        labels_needed="label" in config.get("targets", []),
        files=config.get("on_error") != "skip",
    )
    wanted = config["plots"]["samples"] if "plots" in config else []
    if isinstance(wanted, list) and "id" in table:
        unknown = [name for name in wanted if name not in set(table["id"])]
        problems += [f"{path}: has no id '{name}', which plots.samples of the config names" for name in unknown]
    return problems
