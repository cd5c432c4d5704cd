"""The methods that there are, by name."""

from functools import cache

from saliency.methods.guided_maps import guided_versions
from saliency.methods.method import Method
from saliency.registry.discovery import discover_classes


@cache
def methods() -> dict[str, type[Method]]:
    """All methods by name: those on the input's grid first, those that are made from others last.

    Among their like, those that a config gets by default come first, so that Grad-CAM leads where it is computed.

    Examples
    --------
    >>> [name for name, method in methods().items() if method.by_default]
    ['guided_backprop', 'gradcam', 'guided_gradcam']
    """
    written: list[type[Method]] = discover_classes("saliency.methods", Method)
    found = {method.name: method for method in (*written, *guided_versions(written))}

    def depth(name: str) -> int:
        return 1 + max(map(depth, found[name].parts), default=-1)

    def place(name: str) -> tuple[object, ...]:
        return depth(name), found[name].grid == "features", not found[name].by_default, name

    return {name: found[name] for name in sorted(found, key=place)}


def method(name: str) -> type[Method]:
    """One method.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> method("gradcam").title
    'Grad-CAM'
    """
    if name not in methods():
        raise ValueError(f"there is no method '{name}': choose from {', '.join(methods())}")
    return methods()[name]


def with_parts(names: list[str]) -> list[str]:
    """Methods, and those that they are made from, in the order of `methods`.

    Examples
    --------
    >>> with_parts(["guided_gradcam"])
    ['guided_backprop', 'gradcam', 'guided_gradcam']
    """
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting += method(name).parts
    return [name for name in methods() if name in wanted]


def leading_method(names: list[str]) -> str | None:
    """The method whose maps say where: the first with values that are not negative, on the target layer's grid.

    The audit measures its maps, and figures show them over the input.

    Examples
    --------
    >>> leading_method(["guided_backprop", "gradcam"]), leading_method(["guided_backprop"])
    ('gradcam', None)
    """
    return next((name for name in names if method(name).grid == "features" and not method(name).signed), None)
