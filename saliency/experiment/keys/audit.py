"""The key ``audit``: what is measured on the maps, and from which numbers on something is a finding."""

from importlib import import_module

from saliency.experiment.keys.audit_settings import (
    CLUSTER_KEYS,
    FAITHFULNESS_KEYS,
    RANDOMISATION_KEYS,
    SELECTION_KEYS,
    SHORTCUT_KEYS,
    STATISTICS_KEYS,
)
from saliency.metrics.registered import measure_keys
from saliency.registry.fits import OPTIONAL_MAPPING
from saliency.registry.key import Key


def audit_key() -> Key:
    """The key ``audit``; thresholds of findings are those of the registered kinds."""
    # By name, since that room stands above this one.
    findings = import_module("saliency.audit.findings.registered").finding_keys()
    parts = (
        Key("shortcuts", "From which numbers on a place is a shortcut of a class.", {}, keys=SHORTCUT_KEYS),
        Key("clusters", "How the maps of each class are clustered.", {}, keys=CLUSTER_KEYS),
        Key("findings", "From which numbers on something is a finding.", {}, keys=findings),
        Key(
            "faithfulness",
            "Takes pixels away in the order of a map, and brings them back; `{}` takes the defaults.",
            None,
            OPTIONAL_MAPPING,
            "a mapping with samples, or null",
            FAITHFULNESS_KEYS,
        ),
        Key(
            "randomisation",
            "Compares the maps with those of a model with random weights; `{}` takes the defaults.",
            None,
            OPTIONAL_MAPPING,
            "a mapping with samples, or null",
            RANDOMISATION_KEYS,
        ),
    )
    return Key(
        "audit",
        "What is measured on the maps, and from which numbers on something is a finding; `null` leaves it out.",
        {},
        OPTIONAL_MAPPING,
        "what is measured on the maps, and from which numbers on something is a finding; a mapping, or null",
        (*SELECTION_KEYS, *measure_keys().values(), *STATISTICS_KEYS, *parts),
    )
