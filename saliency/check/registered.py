"""The causes of bad predictions that are tried, by name."""

from functools import cache

from saliency.check.cause import Cause
from saliency.registry.discovery import discover_classes


@cache
def causes() -> dict[str, type[Cause]]:
    """All causes by name.

    Examples
    --------
    >>> list(causes())
    ['channel_order', 'class_order', 'normalisation', 'orientation', 'value_range']
    """
    return {cause.name: cause for cause in discover_classes("saliency.check.causes", Cause)}  # type: ignore[type-abstract]
