"""Functions and classes of the user's that a config names: ``package.module:callable``."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from saliency.exceptions import DataError, in_one_line
from saliency.files.paths import file_sha256, find_package


def load_callable(name: str, what: str) -> Any:
    """Import what a config names; modules beside the place where Snakemake runs are found too.

    Parameters
    ----------
    name
        ``package.module:callable``, also ``package:Class.method``.
    what
        The config's word for it, in messages.

    Raises
    ------
    DataError
        If it cannot be found or imported.

    Examples
    --------
    >>> load_callable("math:sqrt", "transform")(9)
    3.0
    """
    module_name, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found: Any = import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise DataError(f"{what} '{name}' cannot be found: {error}") from error
    except (Exception, SystemExit) as error:
        raise DataError(
            f"{what} '{name}' cannot be imported: {in_one_line(error)}: mend the module '{module_name}'"
        ) from error
    return found


def source_file(name: str) -> Path | None:
    """The file of a callable's module, which is not imported; None where it is not found, or is not written in Python.

    Examples
    --------
    >>> source_file("json.decoder:JSONDecoder").name, source_file("no_such_package:function")
    ('decoder.py', None)
    """
    first, *others = name.partition(":")[0].split(".")
    spec = find_package(first)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    if not others and spec and spec.origin:
        candidates = [Path(spec.origin)]
    else:
        inside = Path(*others)
        bases = [folder / inside for folder in folders] + ([] if spec else [Path(first) / inside])
        candidates = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
    return next((path for path in candidates if path.suffix == ".py" and path.is_file()), None)


def source_fingerprint(name: str) -> str:
    """SHA-256 of the file of a callable's module; "missing" without one.

    Examples
    --------
    >>> len(source_fingerprint("json.decoder:JSONDecoder")), source_fingerprint("no_such_package:function")
    (64, 'missing')
    """
    file = source_file(name)
    return file_sha256(file) if file else "missing"
