"""What is known of a model before any real work is done: JSON files that a job writes and the others read.

``model.json`` describes the network, ``target_layer.json`` the layer that Grad-CAM uses. They are two files so that a
new layer leaves the predictions as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.exceptions import DataError
from saliency.methods.passes.layout import Layout

if TYPE_CHECKING:
    from saliency.methods.passes.target_layer import TargetLayer


def layer_description(layers: Sequence[TargetLayer]) -> dict[str, Any]:
    """Names and layouts of target layers, for ``target_layer.json``; lists where there are several."""
    names, layouts = [layer.name for layer in layers], [layer.layout.content() for layer in layers]
    one = len(layers) == 1
    return {"target_layer": names[0] if one else names, "layout": layouts[0] if one else layouts}


def described_layers(found: Mapping[str, Any]) -> tuple[list[str], list[Layout]]:
    """Names and layouts of the target layers, as descriptions have them; none where they have none."""
    names, layouts = found.get("target_layer", []), found.get("layout", [])
    return (
        [names] if isinstance(names, str) else names,
        [Layout.of(one) for one in ([layouts] if isinstance(layouts, Mapping) else layouts)],
    )


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
