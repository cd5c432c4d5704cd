"""Checking a config against its schema: defaults are filled in, and problems said in one line each."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from saliency.experiment.config import Config

# Jobs get a config that has been checked; those that need no table of samples do not wait for pandas.
if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError


def validator_with_defaults(schema: Config) -> Draft202012Validator:
    """Make a validator that fills in defaults as it goes (the recipe of the jsonschema documentation)."""
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
    return extend(Draft202012Validator, {"properties": properties}, type_checker=types)(schema)


def error_lines(error: ValidationError, *parents: str) -> list[str]:
    """Say what is wrong in one line for each problem: ``key: what, what to do``."""
    place = ".".join(map(str, [*parents, *error.path]))
    prefix = f"{place}: " if place else ""
    if error.validator == "additionalProperties":
        allowed = list(error.schema["properties"])
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
