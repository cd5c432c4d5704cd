"""The key ``audit``: what is measured on the maps, and from which numbers on something is a finding."""

from importlib import import_module

from saliency.experiment.keys.audit_settings import (
    CLUSTER_KEYS,
    SELECTION_KEYS,
    SHORTCUT_KEYS,
    STATISTICS_KEYS,
)
from saliency.metrics.registered import measure_keys
from saliency.registry.fits import OPTIONAL_MAPPING
from saliency.registry.key import Key


def audit_key() -> Key:
    """The key ``audit``; the checks and the thresholds of findings are those of the registered ones."""
    # By name, since those rooms stand above this one.
    findings = import_module("saliency.audit.findings.registered").finding_keys()
    checks = import_module("saliency.audit.checks.registered").check_keys()
    parts = (
        Key("shortcuts", "From which numbers on a place is a shortcut of a class.", {}, keys=SHORTCUT_KEYS),
        Key("clusters", "How the maps of each class are clustered.", {}, keys=CLUSTER_KEYS),
        Key("findings", "From which numbers on something is a finding.", {}, keys=findings),
    )
    return Key(
        "audit",
        "What is measured on the maps, and from which numbers on something is a finding; `null` leaves it out.",
        {},
        OPTIONAL_MAPPING,
        "what is measured on the maps, and from which numbers on something is a finding; a mapping, or null",
        (*SELECTION_KEYS, *measure_keys().values(), *STATISTICS_KEYS, *parts, *checks),
    )
