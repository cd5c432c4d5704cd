"""Python packages that only some formats need."""

from importlib import import_module
from types import ModuleType

from saliency.exceptions import InputError, Status


def needed(module: str, extra: str) -> ModuleType:
    """Import the package that decodes a format.

    Parameters
    ----------
    module
        As it is imported.
    extra
        Of this project, which brings it.

    Raises
    ------
    InputError
        If it is not installed.

    Examples
    --------
    >>> needed("json", "none").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise InputError(
            Status.UNSUPPORTED,
            f"needs the Python package {package}, which is not installed: pip install 'nip-saliency[{extra}]'",
        ) from error
