"""Functions and classes of the user's that a config names: ``package.module:callable``."""

import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from saliency.exceptions import DataError, in_one_line

# Held where such code reads a sample: several threads read, of which it need not know.
ONE_AT_A_TIME = threading.Lock()


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
