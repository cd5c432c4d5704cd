"""The interventions that there are, by name."""

from functools import cache

from saliency.audit.interventions.intervention import Intervention
from saliency.registry.discovery import discover_classes


@cache
def interventions() -> dict[str, type[Intervention]]:
    """All interventions by name, in the order in which they are tried.

    Examples
    --------
    >>> list(interventions())[:2]
    ['frame', 'surround']
    """
    found = discover_classes("saliency.audit.interventions", Intervention)
    return {kind.name: kind for kind in sorted(found, key=lambda kind: (kind.order, kind.name))}
