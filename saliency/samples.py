"""Reading samples of either kind: photographs or volumes."""

from dataclasses import fields
from typing import Any

from saliency.inputs import Preprocessing
from saliency.volumes import VolumePreprocessing


def preprocessing_of(settings: dict[str, Any]) -> Preprocessing | VolumePreprocessing:
    """Build what reads samples and knows their shape, from the config's ``input``.

    Examples
    --------
    >>> settings = {"mode": "2D", "channels": 3, "resize": 256, "crop": 224, "interpolation": "bicubic"}
    >>> preprocessing_of(settings).shape
    (3, 224, 224)
    """
    kind = {"2D": Preprocessing, "3D": VolumePreprocessing}[settings["mode"]]
    return kind(**{field.name: settings[field.name] for field in fields(kind) if field.name in settings})
