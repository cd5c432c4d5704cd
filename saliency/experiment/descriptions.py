"""What is known of a model before any real work is done: JSON files that a job writes and the others read.

``model.json`` describes the network, ``target_layer.json`` the layer that Grad-CAM uses. They are two files so that a
new layer leaves the predictions as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saliency.methods.passes.layout import Layout


def described_layer(found: Mapping[str, Any]) -> tuple[str | None, Layout | None]:
    """Name and layout of the target layer, as descriptions have them; None where they have none."""
    layout = found.get("layout")
    return found.get("target_layer"), Layout.of(layout) if layout else None


def read_descriptions(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Merge the JSON files in which a model is described."""
    merged: dict[str, Any] = {}
    for path in paths:
        merged |= json.loads(Path(path).read_text(encoding="utf-8"))
    return merged
