"""Keys of the methods: which run, with which settings, and how exactly they are stored, by the registry of methods."""

from saliency.methods.registered import methods
from saliency.registry.fits import MAPPING, choice, integer, list_of
from saliency.registry.key import Key, section


def methods_key() -> Key:
    """The key ``methods``."""
    names = list(methods())
    return Key(
        "methods",
        "What is computed: names of [methods](#methods). A method that is made from others brings them along.",
        [name for name, method in methods().items() if method.by_default],
        list_of(choice(*names), 1, unique=True),
        f"a list of {', '.join(names[:-1])} and {names[-1]}",
    )


def method_settings_key() -> Key:
    """The key ``method_settings``; a method that it leaves out has its defaults."""
    return Key(
        "method_settings",
        "Settings of methods, by name of the method.",
        {},
        {
            **MAPPING,
            "additionalProperties": False,
            "properties": {name: section(method.keys) for name, method in methods().items()},
        },
        "a mapping from methods to their settings",
    )


def keep_bits_key() -> Key:
    """The key ``keep_bits``."""
    return Key(
        "keep_bits",
        "Bits of the mantissa with which a method's maps are stored, by name of the method; those of a method that is "
        "left out are stored as they were computed (`float32` has 23). With 7, no value changes by more than 0.4 %, "
        "and maps on the grid of the input take less than half: [docs/speed.md](../docs/speed.md#fewer-bits).",
        {},
        {**MAPPING, "additionalProperties": False, "properties": dict.fromkeys(methods(), integer(1, 22))},
        "a mapping from methods to a number of bits, 1 to 22",
    )
