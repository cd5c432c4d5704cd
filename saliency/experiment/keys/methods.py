"""Keys of the methods: which run, and with which settings; both are read from the registry of methods."""

from saliency.methods.registered import methods
from saliency.registry.fits import MAPPING, choice, list_of
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
