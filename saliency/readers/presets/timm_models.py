"""The transforms that timm keeps with its pretrained models."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from saliency.exceptions import DataError
from saliency.readers.preset import PresetSource, whole_crop


class TimmModels(PresetSource):
    """``timm:vit_base_patch16_224.augreg_in21k``, named as in ``timm.create_model``; without a tag, the default's."""

    name = "timm"

    @classmethod
    def keys(cls, preset: str) -> dict[str, Any]:
        """Read what ``timm.data.create_transform`` builds of a model's data for evaluation."""
        # Not annotated.
        data_module: Any = import_module("timm.data")
        models: Any = import_module("timm.models")

        try:
            found = models.get_pretrained_cfg(preset)
        except RuntimeError:
            found = None
        if found is None:
            raise DataError("timm has no such pretrained model: timm.list_models(pretrained=True) lists them")
        data = data_module.resolve_data_config(pretrained_cfg=found.to_dict())
        channels, height, width = data["input_size"]
        resized = [math.floor(side / data["crop_pct"]) for side in (height, width)]
        if data["crop_mode"] not in ("center", "squash"):
            raise DataError(f"its crop_mode is {data['crop_mode']}, which no key says: leave preset out")
        for whole, crop in zip(resized, (height, width), strict=True):
            whole_crop(whole, crop)
        square = height == width
        if data["crop_mode"] == "center" and not square:
            raise DataError(
                f"it resizes to {height} x {width} with the sides' ratio, which no key says: leave preset out"
            )
        return {
            "channels": channels,
            "resize": resized[0] if data["crop_mode"] == "center" else resized,
            "crop": height if square else [height, width],
            "interpolation": data["interpolation"],
            "mean": list(data["mean"]),
            "std": list(data["std"]),
        }
