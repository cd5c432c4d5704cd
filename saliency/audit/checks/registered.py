"""The checks of the audit that there are, by name."""

from functools import cache

from saliency.audit.checks.check import Check
from saliency.registry.discovery import discover_classes
from saliency.registry.fits import OPTIONAL_MAPPING
from saliency.registry.key import Key


@cache
def checks() -> dict[str, type[Check]]:
    """All checks by name.

    Examples
    --------
    >>> {name: check.per_target for name, check in checks().items() if check.default is None}
    {'faithfulness': True, 'methods': True, 'paired_transfer': False, 'randomisation': False, 'stability': True}
    """
    return {check.name: check for check in discover_classes("saliency.audit.checks", Check)}


@cache
def check_keys() -> tuple[Key, ...]:
    """The key of each check, which a config has in ``audit``."""
    hint = "a mapping of the check's settings, or null"
    return tuple(
        Key(check.name, check.summary, check.default, OPTIONAL_MAPPING, hint, check.keys) for check in checks().values()
    )
