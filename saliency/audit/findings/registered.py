"""The kinds of finding that there are, by name, and their thresholds."""

from functools import cache

from saliency.audit.findings.finding import SHARED_KEYS, FindingKind
from saliency.registry.discovery import discover_classes
from saliency.registry.key import Key


@cache
def finding_kinds() -> dict[str, type[FindingKind]]:
    """All kinds of finding by name, in the order of their precedence.

    Examples
    --------
    >>> [kind.title for kind in finding_kinds().values()][:3]
    ['random weights', 'a property decides', 'a class rests on a mark']
    """
    found = discover_classes("saliency.audit.findings", FindingKind)
    return {kind.name: kind for kind in sorted(found, key=lambda kind: (kind.precedence, kind.name))}


def finding_kind(name: str) -> type[FindingKind]:
    """One kind of finding.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in finding_kinds():
        raise ValueError(f"there is no kind of finding '{name}': choose from {', '.join(finding_kinds())}")
    return finding_kinds()[name]


@cache
def finding_keys() -> tuple[Key, ...]:
    """The thresholds that a config has in ``audit.findings``: the shared ones, and those of each kind.

    Raises
    ------
    ValueError
        If two of them have the same name.

    Examples
    --------
    >>> [key.name for key in finding_keys()][:4]
    ['alpha', 'min_difference', 'min_turned', 'most']
    """
    found = {key.name: key for key in SHARED_KEYS}
    for kind in finding_kinds().values():
        for key in kind.keys:
            if key.name in found:
                raise ValueError(f"finding '{kind.name}': the threshold '{key.name}' exists already: rename it")
            found[key.name] = key
    return tuple(found.values())


def finding_versions() -> dict[str, int]:
    """Version of each kind by its name: a new kind, or a new version, makes findings anew."""
    return {name: kind.version for name, kind in finding_kinds().items()}
