"""What stands in the way of the methods that a config names: settings that contradict each other, missing packages."""

from saliency.experiment.config import Config
from saliency.files.paths import find_package
from saliency.methods.registered import method, with_parts


def method_problems(config: Config) -> list[str]:
    """List it, one line each.

    Parameters
    ----------
    config
        With defaults; sections that are broken may be left out.

    Examples
    --------
    >>> settings = {"lrp": {"composite": "epsilon_gamma_box", "low": -2, "high": None}}
    >>> print(*method_problems({"methods": ["lrp"], "method_settings": settings}))
    method_settings.lrp: composite: epsilon_gamma_box needs low and high, the smallest and largest value of the input
    """
    problems = []
    for name in with_parts(config.get("methods", [])):
        kind = method(name)
        if kind.package and find_package(kind.package) is None:
            problems.append(
                f"methods: {name} needs the Python package '{kind.package}', which is not installed: pip install "
                f"'nip-saliency[{kind.extra}]'"
            )
        try:
            kind.complete(config.get("method_settings", {}).get(name, {}))
        except ValueError as error:
            problems.append(f"method_settings.{name}: {error}")
    return problems
