"""What is known of a model before any real work is done: JSON files that a job writes and the others read.

``model.json`` describes the network, ``target_layer.json`` the layer that Grad-CAM uses. They are two files so that a
new layer leaves the predictions as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saliency.exceptions import DataError
from saliency.methods.passes.layout import Layout


def described_layer(found: Mapping[str, Any]) -> tuple[str | None, Layout | None]:
    """Name and layout of the target layer, as descriptions have them; None where they have none."""
    layout = found.get("layout")
    return found.get("target_layer"), Layout.of(layout) if layout else None


def read_descriptions(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Merge the JSON files in which a model is described.

    Raises
    ------
    DataError
        If one is of a version that took one logit for one class, and with it the results that rest on it.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if found.get("classes") == 1 and not found.get("dense") and "outputs" not in found:
            raise DataError(
                f"{path}: was written by a version that took one score per sample for one class, and it is two: delete "
                "this file and run again, so that the model's results are made anew"
            )
        merged |= found
    return merged


def outputs_of(description: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What a model's scores are, as `saliency.methods.scores.probabilities` calls it.

    Parameters
    ----------
    description
        ``model.json``; those of versions before 0.3 leave it to the config.
    settings
        The config's, of the model.

    Examples
    --------
    >>> settings = {"outputs": "logits"}
    >>> outputs_of({"outputs": "one_logit", "dense": False}, settings), outputs_of({"dense": True}, settings)
    ('one_logit', 'sums')
    """
    found: str = "sums" if description["dense"] else settings["outputs"]
    return str(description.get("outputs", found))
