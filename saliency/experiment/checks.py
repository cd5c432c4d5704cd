"""The checks of the audit, as planning knows them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saliency.audit.checks.check import Check


def checks() -> dict[str, type[Check]]:
    """All checks by name.

    Examples
    --------
    >>> checks()["randomisation"].per_target
    False
    """
    # By name, since that room stands above this one.
    found: dict[str, type[Check]] = import_module("saliency.audit.checks.registered").checks()
    return found
