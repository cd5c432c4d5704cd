"""One key of a config, written once: its default, what fits, and a sentence about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED: Any = object()


@dataclass(frozen=True)
class Key:
    """One key of a config.

    The JSON schema and the tables of ``config/README.md`` are generated from these.

    Attributes
    ----------
    name
        As in the config.
    meaning
        What it does, for the table of ``config/README.md``; Markdown.
    default
        The value that stands for a missing key, or `REQUIRED`.
    schema
        What fits, as JSON Schema (2020-12), without the default.
    hint
        What fits, in words, for the message about a value that does not; "" where the schema's own message says it.

    Examples
    --------
    >>> Key("batch_size", "Samples per forward pass.", 16, {"type": "integer", "minimum": 1}).json_schema
    {'type': 'integer', 'minimum': 1, 'default': 16}
    """

    name: str
    meaning: str
    default: Any = REQUIRED
    schema: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""

    @property
    def required(self) -> bool:
        """Whether a config without it is wrong."""
        return self.default is REQUIRED

    @property
    def json_schema(self) -> dict[str, Any]:
        """The key's entry in the ``properties`` of a JSON schema."""
        words = {"description": self.hint} if self.hint else {}
        default = {} if self.required else {"default": self.default}
        return {**words, **self.schema, **default}


def section(keys: list[Key] | tuple[Key, ...]) -> dict[str, Any]:
    """JSON schema of a mapping that holds some keys, and no others.

    Examples
    --------
    >>> section([Key("seed", "Of the drawing.", 0, {"type": "integer"})])["properties"]
    {'seed': {'type': 'integer', 'default': 0}}
    """
    required = [key.name for key in keys if key.required]
    return {
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": {key.name: key.json_schema for key in keys},
    }
