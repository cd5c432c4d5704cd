"""Finding what is registered: every class or object of a kind in the modules of one folder."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

Kind = TypeVar("Kind")


def discover(package: str, kind: type[Kind]) -> list[Kind]:
    """Import every module of a package, and collect the objects of a kind that they define.

    A new file is all that it takes to register one. Modules must be cheap to import: this also runs where jobs are
    planned.

    Parameters
    ----------
    package
        Name of the package; packages inside it are not looked into.
    kind
        Class of the objects, which have a ``name``.

    Returns
    -------
    list
        In the order of the modules' names, and within one as written.

    Raises
    ------
    ValueError
        If two objects have the same name.
    """
    return _collect(package, lambda value: isinstance(value, kind))


def discover_classes(package: str, kind: type[Kind]) -> list[type[Kind]]:
    """Collect classes as `discover` collects objects: those derived from `kind` that have a ``name`` of their own.

    Examples
    --------
    >>> from saliency.methods.method import Method
    >>> [method.__name__ for method in discover_classes("saliency.methods", Method) if method.by_default]
    ['GradCAM', 'GuidedBackprop', 'GuidedGradCAM']
    """
    return _collect(
        package, lambda value: isinstance(value, type) and issubclass(value, kind) and "name" in vars(value)
    )


def _collect(package: str, wanted: Callable[[Any], bool]) -> list[Any]:
    found: dict[str, Any] = {}
    for name in _modules(package):
        for value in vars(import_module(name)).values():
            if not wanted(value) or any(value is other for other in found.values()):
                continue
            if value.name in found:
                raise ValueError(f"{name}: the name '{value.name}' is taken already: choose another")
            found[value.name] = value
    return list(found.values())


def _modules(package: str) -> Iterator[str]:
    folders = import_module(package).__path__
    yield from sorted(f"{package}.{module.name}" for module in iter_modules(folders) if not module.ispkg)
