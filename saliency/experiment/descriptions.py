"""What is known of a model before any real work is done: JSON files that a job writes and the others read.

``model.json`` describes the network, ``target_layer.json`` the layer that Grad-CAM uses. They are two files so that a
new layer leaves the predictions as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Those that read descriptions do not wait for torch.
if TYPE_CHECKING:
    pass


def read_descriptions(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Merge the JSON files in which a model is described."""
    merged: dict[str, Any] = {}
    for path in paths:
        merged |= json.loads(Path(path).read_text(encoding="utf-8"))
    return merged
