"""The transforms that torchvision publishes with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from saliency.exceptions import DataError
from saliency.files.callables import load_callable
from saliency.readers.preset import PresetSource, choose_from, whole_crop


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

    @classmethod
    def of_network(cls, factory: str, kwargs: Mapping[str, Any], checkpoint: bool) -> str:
        """Read which weights the factory is given; a checkpoint in a file does not say from which it was made."""
        models: Any = import_module("torchvision.models")
        by_name = factory.endswith(":get_model")
        build = str(kwargs.get("name")) if by_name else load_callable(factory, "factory")
        try:
            published = models.get_model_weights(build)
        except ValueError:
            raise DataError(f"torchvision publishes no weights for '{factory}': leave preset out") from None
        choice = choose_from(f"{cls.name}:{weights}" for weights in published)
        if checkpoint:
            raise DataError(f"the checkpoint does not say how its pictures were prepared: {choice}")
        given = kwargs.get("weights")
        if given is None:
            raise DataError(f"kwargs give no weights: {choice}")
        try:
            return str(published.verify(given))
        except (KeyError, TypeError):
            raise DataError(f"kwargs.weights: '{given}' is none of {published.__name__}: {choice}") from None
