"""Values of a config as YAML and Snakemake's command line hand them on, made into what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from saliency.experiment.config import Config

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_Path = tuple[Any, ...]


def settle_values(config: Config, validator: Draft202012Validator, command_line: Mapping[str, Any]) -> None:
    """Turn numbers into text where a text is asked for, and texts of the command line into what they say.

    YAML reads an id such as 101 as a number. Snakemake reads lists and mappings of ``--config`` as texts throughout,
    and ``null`` as well.

    Parameters
    ----------
    config
        Changed in place.
    validator
        Of the config; it says what fits.
    command_line
        What was given as ``--config``, for this workflow or for another that uses it as a module.

    Examples
    --------
    >>> from saliency.experiment.schema import config_validator
    >>> config = {"targets": ["0", "predicted"], "audit": "null", "plots": {"samples": [101, "b"]}}
    >>> settle_values(config, config_validator(), {"targets": ["0", "predicted"], "audit": "null"})
    >>> config["targets"], config["audit"], config["plots"]["samples"]
    ([0, 'predicted'], None, ['101', 'b'])
    """
    for name, holder in (("models", config), ("where", config.get("audit"))):
        if isinstance(holder, dict) and isinstance(holder.get(name), dict):
            holder[name] = {_as_text(key): value for key, value in holder[name].items()}
    leaves = list(_leaves_of(config, command_line))
    for leaf in leaves:
        value = _get(config, leaf)
        if value == "null" or (leaf[0] == "models" and "kwargs" in leaf):
            _set(config, leaf, _as_yaml(value))
    for error in list(validator.iter_errors(config)):
        path = tuple(error.path)
        if not path:
            continue
        said = [_as_text(error.instance)]
        if any(path[: len(leaf)] == leaf for leaf in leaves):
            said.append(_as_yaml(error.instance))
        fits = next((value for value in said if validator.evolve(schema=error.schema).is_valid(value)), None)
        if fits is not None:
            _set(config, path, fits)


def _leaves_of(config: Config, given: Mapping[str, Any]) -> Iterator[_Path]:
    """Keys of the config that were given on the command line, there or in a section that became the config."""
    for leaf in _leaves(given):
        yield from (inner for start in range(len(leaf)) if _same(config, inner := leaf[start:], _get(given, leaf)))


def _same(config: Any, path: _Path, value: Any) -> bool:
    try:
        return bool(_get(config, path) == value)
    except (KeyError, TypeError, IndexError):
        return False


def _leaves(given: Mapping[str, Any], path: _Path = ()) -> Iterator[_Path]:
    for key, value in given.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def _get(config: Any, path: _Path) -> Any:
    for key in path:
        config = config[key]
    return config


def _set(config: Any, path: _Path, value: Any) -> None:
    _get(config, path[:-1])[path[-1]] = value


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_yaml(value: Any) -> Any:
    import yaml

    if isinstance(value, list):
        return [_as_yaml(inner) for inner in value]
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value
