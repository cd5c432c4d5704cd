"""Checking a Zarr group that is no model's store, such as the mean maps of an audit: every array is read."""

import json
import logging
from pathlib import Path

import zarr

from saliency.experiment.arrays import chunk_key
from saliency.store.problems import Problem

log = logging.getLogger(__name__)


def group_problems(root: Path) -> list[Problem]:
    """Read all arrays of a group, and list the files that cannot be used.

    Parameters
    ----------
    root
        Folder of the group. Each of its arrays is one file.
    """
    found = (_node_problem(root, metadata) for metadata in sorted(root.rglob("zarr.json")))
    return [problem for problem in found if problem]


def _node_problem(root: Path, metadata: Path) -> Problem | None:
    """What is wrong with a group or an array, of which there is ``zarr.json``."""
    path = metadata
    try:
        node = json.loads(metadata.read_text(encoding="utf-8"))
        if node["node_type"] == "group":
            return None
        array = metadata.parent.relative_to(root).as_posix()
        path = root / chunk_key(array, 0, len(node["shape"]) - 1)
        if not path.is_file():
            return Problem(path, "missing", "is part of the group")
        zarr.open_array(metadata.parent, mode="r")[...]
    # What cannot be read now may be whole, and must not be deleted.
    except MemoryError:
        raise
    except OSError as error:
        return Problem(path, "unreadable", str(error.strerror))
    # Zarr raises what it likes on what is broken.
    except Exception as error:
        log.debug("%s: %s", path, error)
        return Problem(path, "damaged", f"cannot be used ({type(error).__name__})")
    return None
