"""The transforms that torchvision publishes with its weights."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from saliency.exceptions import DataError
from saliency.readers.preset import PresetSource, whole_crop


class TorchvisionWeights(PresetSource):
    """``torchvision:ResNet50_Weights.IMAGENET1K_V2``, named as in ``torchvision.models``."""

    name = "torchvision"

    @classmethod
    def keys(cls, preset: str) -> dict[str, Any]:
        """Read the transform of classification; those of other tasks leave pictures in different sizes."""
        # Not annotated.
        models: Any = import_module("torchvision.models")
        try:
            transform = models.get_weight(preset).transforms()
        except (KeyError, ValueError):
            raise DataError(
                "torchvision has no such weights: write them as in torchvision.models, ResNet50_Weights.IMAGENET1K_V2"
            ) from None
        if type(transform).__name__ != "ImageClassification":
            raise DataError(f"its transform is {type(transform).__name__}, which no key says: leave preset out")
        (resize,), (crop,) = transform.resize_size, transform.crop_size
        whole_crop(resize, crop)
        return {
            "channels": len(transform.mean),
            "resize": resize,
            "crop": crop,
            "interpolation": transform.interpolation.value,
            "mean": list(transform.mean),
            "std": list(transform.std),
        }
