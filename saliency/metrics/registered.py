"""The measures that there are, by name, and their settings."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from saliency.metrics.measure import Measure
from saliency.registry.discovery import discover
from saliency.registry.key import Key

# Those that ask for most come first; within each kind they keep the order in which they are found.
_NEEDS = ("mask", None, "methods", "targets")


@cache
def measures() -> dict[str, Measure]:
    """All measures by name, in the order of the tables' columns.

    Examples
    --------
    >>> list(measures())[:3], list(measures())[-2:]
    (['mask_share', 'energy_in_mask', 'energy_ratio'], ['agreement', 'similarity'])
    """
    found = sorted(discover("saliency.metrics", Measure), key=lambda measure: _NEEDS.index(measure.needs))
    return {measure.name: measure for measure in found}


@cache
def measure_keys() -> dict[str, Key]:
    """Settings of all measures by name, which a config has in ``audit``.

    Raises
    ------
    ValueError
        If two measures mean different things by one name.

    Examples
    --------
    >>> {name: key.default for name, key in measure_keys().items()}
    {'tolerance': 15, 'border': 0.1}
    """
    found: dict[str, Key] = {}
    for measure in measures().values():
        for key in measure.keys:
            if found.setdefault(key.name, key) != key:
                raise ValueError(f"measure '{measure.name}': the setting '{key.name}' is another one's: rename it")
    return found


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of settings.

    Raises
    ------
    ValueError
        If no measure has a setting of a name.

    Examples
    --------
    >>> complete({"tolerance": 2})
    {'tolerance': 2, 'border': 0.1}
    """
    known = {name: key.default for name, key in measure_keys().items()}
    unknown = sorted(settings.keys() - known.keys())
    if unknown:
        raise ValueError(f"no measure has a setting {', '.join(unknown)}: choose from {', '.join(known)}")
    return known | dict(settings)
