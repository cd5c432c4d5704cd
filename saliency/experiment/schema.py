"""Checking a config against its schema: defaults are filled in, and problems said in one line each.

The schema is made of the keys in `saliency.experiment.keys`. ``workflow/schemas/config.schema.yaml`` is a copy for
editors.
"""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from saliency.experiment.config import Config
from saliency.experiment.keys.experiment import experiment_keys
from saliency.experiment.keys.inputs import input_schema
from saliency.registry.key import section

# Jobs get a config that has been checked; those that need no table of samples do not wait for pandas.
if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError


@cache
def config_schema() -> dict[str, Any]:
    """JSON schema (2020-12) of a config. The words of its keyword ``hint`` are for messages.

    Examples
    --------
    >>> config_schema()["required"]
    ['experiment', 'manifest', 'models']
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **section(experiment_keys())}


@cache
def config_validator() -> Draft202012Validator:
    """Validator of a config that fills in defaults as it goes."""
    return _validator_with_defaults(config_schema())


def foreign_keys(config: Config) -> list[str]:
    """Keys at the top of a config that belong to another workflow: none of this one's, nor like one.

    Examples
    --------
    >>> foreign_keys({"experiment": "wolves", "samples": "units.tsv", "thread": 2})
    ['samples']
    """
    known = config_schema()["properties"]
    return [key for key in config if key not in known and not difflib.get_close_matches(str(key), known, n=1)]


@cache
def input_validator(mode: str) -> Draft202012Validator:
    """Validator of what a model makes of the experiment's ``input``, in the mode "2D" or "3D"."""
    return _validator_with_defaults(input_schema(mode))


def _validator_with_defaults(schema: dict[str, Any]) -> Draft202012Validator:
    """Make a validator that fills in defaults (the recipe of the jsonschema documentation)."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

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
    kind: type[Draft202012Validator] = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"properties": properties}, type_checker=types
    )
    return kind(schema)


def error_lines(error: ValidationError, *parents: str) -> list[str]:
    """Say what is wrong in one line for each problem: ``key: what, what to do``."""
    place = ".".join(map(str, [*parents, *error.path]))
    prefix = f"{place}: " if place else ""
    # To the type checker, a schema can also be `true` or `false`, and a value be missing.
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        allowed = list(schema["properties"])
        unknown = [key for key in instance if key not in allowed]
        lines = []
        for key in unknown:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            known = f"known keys: {', '.join(allowed)}" if allowed else "there are none here"
            lines.append(f"{prefix}unknown key '{key}'{_meant(near) or f'; {known}'}")
        return lines
    if "hint" in schema and error.validator in ("type", "pattern", "anyOf"):
        return [f"{prefix}{instance!r} does not fit: {schema['hint']}"]
    if error.validator == "enum":
        names = [str(name) for name in schema["enum"] if isinstance(name, str)]
        near = difflib.get_close_matches(str(instance), names, n=1)
        return [f"{prefix}{error.message}{_meant(near)}"]
    return [f"{prefix}{error.message}"]


def _meant(near: list[str]) -> str:
    return f"; did you mean '{near[0]}'?" if near else ""
