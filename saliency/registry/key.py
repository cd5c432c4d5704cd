"""One key of a config, written once: its default, what fits, and a sentence about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED: Any = object()


@dataclass(frozen=True)
class Key:
    """One key of a config.

    The JSON schema, the tables of ``config/README.md``, and the defaults of the code that reads a config all come from
    these.

    Attributes
    ----------
    name
        As in the config.
    meaning
        What it does, for the table of ``config/README.md``; Markdown.
    default
        The value that stands for a missing key, or `REQUIRED`.
    schema
        What fits, as JSON Schema (2020-12), without the default; `saliency.registry.fits` has the usual ones.
    hint
        What fits, in words, for the message about a value that does not; "" where the schema's own message says it.
    keys
        For a mapping: the keys that it can have. `schema` then holds what more there is to say.
    added
        Whether results were stored before there was this key: at its default, digests are not told of it.

    Examples
    --------
    >>> Key("batch_size", "Samples per forward pass.", 16, {"type": "integer", "minimum": 1}).json_schema
    {'description': 'Samples per forward pass.', 'type': 'integer', 'minimum': 1, 'default': 16}
    """

    name: str
    meaning: str
    default: Any = REQUIRED
    schema: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""
    keys: tuple[Key, ...] = ()
    added: bool = False

    @property
    def required(self) -> bool:
        """Whether a config without it is wrong."""
        return self.default is REQUIRED

    @property
    def json_schema(self) -> dict[str, Any]:
        """The key's entry in the ``properties`` of a JSON schema; ``hint`` is a keyword of our own."""
        return {
            "description": self.meaning,
            **({"hint": self.hint} if self.hint else {}),
            **(section(self.keys) if self.keys else {}),
            **self.schema,
            **({} if self.required else {"default": self.default}),
        }


def section(keys: Iterable[Key]) -> dict[str, Any]:
    """JSON schema of a mapping that holds some keys, and no others.

    Examples
    --------
    >>> section([Key("seed", "Of the drawing.", 0, {"type": "integer"})])["properties"]
    {'seed': {'description': 'Of the drawing.', 'type': 'integer', 'default': 0}}
    """
    keys = list(keys)
    required = [key.name for key in keys if key.required]
    return {
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": {key.name: key.json_schema for key in keys},
    }


def default_of(keys: Iterable[Key], name: str) -> Any:
    """The default of one of several keys, for code that can also be called without a config.

    Raises
    ------
    ValueError
        If there is no key of that name, or it has no default.

    Examples
    --------
    >>> default_of([Key("seed", "Of the drawing.", 0, {"type": "integer"})], "seed")
    0
    """
    known = {key.name: key.default for key in keys if not key.required}
    if name not in known:
        raise ValueError(f"there is no key '{name}' with a default: choose from {', '.join(known)}")
    return known[name]
