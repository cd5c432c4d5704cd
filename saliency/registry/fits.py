"""What fits a key of a config: short ways to write the usual JSON schemas (2020-12), and to say them in words."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

NULL: Schema = {"type": "null"}
TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
MAPPING: Schema = {"type": "object"}
# For keys whose value is a mapping, and which `null` switches off.
OPTIONAL_MAPPING: Schema = {"type": ["object", "null"]}


def _given(**limits: Any) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit is not None}


def integer(minimum: int | None = None, maximum: int | None = None) -> Schema:
    """An integer between two bounds, which fit as well.

    Examples
    --------
    >>> integer(1)
    {'type': 'integer', 'minimum': 1}
    """
    return {"type": "integer", **_given(minimum=minimum, maximum=maximum)}


def number(
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Schema:
    """A finite number between two bounds: `minimum` and `maximum` fit as well, `above` and `below` do not."""
    bounds = _given(minimum=minimum, maximum=maximum, exclusiveMinimum=above, exclusiveMaximum=below)
    return {"type": "number", **bounds}


def choice(*values: Any) -> Schema:
    """One of some values."""
    return {"enum": list(values)}


def name(pattern: str) -> Schema:
    """A string that matches a regular expression of Python from its start."""
    return {"type": "string", "pattern": pattern}


def either(*schemas: Schema) -> Schema:
    """What fits any of some schemas."""
    return {"anyOf": list(schemas)}


def list_of(items: Schema, minimum: int | None = None, maximum: int | None = None, unique: bool = False) -> Schema:
    """A list of values that fit a schema, with a smallest and a largest length.

    Examples
    --------
    >>> list_of(integer(1), 2, 2)
    {'type': 'array', 'minItems': 2, 'maxItems': 2, 'items': {'type': 'integer', 'minimum': 1}}
    """
    limits = _given(minItems=minimum, maxItems=maximum, uniqueItems=unique or None)
    return {"type": "array", **limits, "items": items}


def in_words(schema: Schema, plural: bool = False) -> str:
    """Say in Markdown what fits a schema.

    Raises
    ------
    ValueError
        If there are no words for it yet.

    Examples
    --------
    >>> in_words(either(NULL, list_of(number(above=0), 3, 3)))
    '`null`, or list of 3 numbers > 0'
    >>> in_words(integer(16, 512)), in_words(choice("steps", "fused", None))
    ('integer from 16 to 512', '`steps`, `fused` or `null`')
    """
    if "anyOf" in schema:
        parts = [in_words(part, plural) for part in schema["anyOf"]]
        return ", or ".join([", ".join(parts[:-1]), parts[-1]])
    if "enum" in schema or "const" in schema:
        values = [f"`{_in_yaml(value)}`" for value in schema.get("enum", [schema.get("const")])]
        return " or ".join([", ".join(values[:-1]), values[-1]]) if values[1:] else values[0]
    if isinstance(schema.get("type"), list):
        return in_words(either(*({**schema, "type": kind} for kind in schema["type"])), plural)
    match schema.get("type"):
        case "null":
            return "`null`"
        case "boolean":
            return "`true` or `false`"
        case "string":
            return "texts" if plural else "text"
        case "object":
            return "mappings" if plural else "mapping"
        case "array":
            low, high = schema.get("minItems"), schema.get("maxItems")
            length = f"{low} " if low is not None and low == high else ""
            return f"{'lists' if plural else 'list'} of {length}{in_words(schema['items'], plural=True)}"
        case "integer" | "number" as kind:
            return f"{kind}{'s' if plural else ''}{_bounds(schema)}"
    raise ValueError(f"there are no words for the JSON schema {schema}: add them to saliency.registry.fits.in_words")


def _in_yaml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_in_yaml(inner)}' for key, inner in value.items())}}}"
    return "null" if value is None else str(value)


def _bounds(schema: Schema) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {schema[limit]}" for limit, sign in signs.items() if limit in schema]
    return "".join([" ", " and ".join(parts)]) if parts else ""
