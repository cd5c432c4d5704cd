"""Checking a Zarr group that is no model's store, such as the mean maps of an audit: every array is read."""

import json
import logging
from pathlib import Path

import zarr

from saliency.store.problems import Problem

log = logging.getLogger(__name__)


def group_problems(root: Path) -> list[Problem]:
    """Read all arrays of a group, and list the files that cannot be read.

    Parameters
    ----------
    root
        Folder of the group. Each of its arrays is one chunk.
    """
    problems = []
    for metadata in sorted(root.rglob("zarr.json")):
        try:
            node = json.loads(metadata.read_text(encoding="utf-8"))["node_type"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(Problem(metadata, "damaged", f"cannot be used ({type(error).__name__})"))
            continue
        if node != "array":
            continue
        chunks = sorted(metadata.parent.glob("c.*"))
        if not chunks:
            problems.append(Problem(metadata.parent / "c.0", "missing", "is part of the group"))
            continue
        try:
            zarr.open_array(metadata.parent, mode="r")[...]
        # Zarr raises what it likes on what is broken.
        except Exception as error:
            log.debug("%s: %s", metadata.parent, error)
            what = f"cannot be read ({type(error).__name__})"
            problems += [Problem(chunk, "damaged", what) for chunk in chunks]
    return problems
