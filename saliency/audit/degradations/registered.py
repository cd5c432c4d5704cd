"""The degradations that there are, by name."""

from functools import cache

from saliency.audit.degradations.degradation import Degradation
from saliency.registry.discovery import discover


@cache
def degradations() -> dict[str, Degradation]:
    """All degradations by name.

    Examples
    --------
    >>> "blur" in degradations()
    True
    """
    return {one.name: one for one in discover("saliency.audit.degradations", Degradation)}
