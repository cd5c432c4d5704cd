"""The facts that there are, by name."""

from functools import cache

from saliency.audit.facts.fact import Fact, FactGroup
from saliency.registry.discovery import discover


@cache
def fact_groups() -> dict[str, FactGroup]:
    """All groups of facts by name.

    Examples
    --------
    >>> list(fact_groups())[:3]
    ['borders', 'colours', 'file_size']
    """
    return {group.name: group for group in discover("saliency.audit.facts", FactGroup)}


def groups_of(mode: str) -> list[FactGroup]:
    """The groups of facts of photographs ("2D") or volumes ("3D")."""
    return [group for group in fact_groups().values() if group.mode in (None, mode)]


@cache
def facts() -> dict[str, Fact]:
    """All facts by name.

    Raises
    ------
    ValueError
        If two groups mean different things by one name.

    Examples
    --------
    >>> facts()["width"].shown(640), facts()["bytes"].shown(12_300)
    ('640 px', '12.3 kB')
    """
    found: dict[str, Fact] = {}
    for group in fact_groups().values():
        for fact in group.facts:
            if fact.name in found:
                raise ValueError(f"group '{group.name}': the fact '{fact.name}' exists already: rename it")
            found[fact.name] = fact
    return found


def content_facts() -> set[str]:
    """Names of the facts that also depend on what a file shows."""
    return {fact.name for group in fact_groups().values() if group.content for fact in group.facts}


def fact_versions() -> dict[str, int]:
    """Version of each group by its name: a new group, or a new version, reads facts anew."""
    return {name: group.version for name, group in fact_groups().items()}
