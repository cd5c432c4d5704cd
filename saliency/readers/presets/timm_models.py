"""The transforms that timm keeps with its pretrained models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from saliency.exceptions import DataError
from saliency.readers.preset import PresetSource, choose_from, whole_crop


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

    @classmethod
    def of_network(cls, factory: str, kwargs: Mapping[str, Any], checkpoint: bool) -> str:
        """Read the model's name; where it has no tag, weights of a file may be those of any of its tags."""
        models: Any = import_module("timm.models")
        function = factory.rpartition(":")[2]
        name = str(kwargs.get("model_name")) if function == "create_model" else function
        if not models.is_model(name):
            raise DataError(f"timm has no model '{name}' with a data config: leave preset out, and write its keys")
        if overridden := [key for key in ("pretrained_cfg", "pretrained_cfg_overlay") if kwargs.get(key) is not None]:
            raise DataError(f"kwargs.{overridden[0]} replaces the data config: leave preset out, and write its keys")
        try:
            found = models.get_pretrained_cfg(name)
        except RuntimeError:
            found = None
        published = models.get_arch_pretrained_cfgs(name)
        if found is None or not published:
            raise DataError(f"timm publishes no weights for '{name}': leave preset out, and write its keys")
        tagged = "." in name
        if (checkpoint or kwargs.get("checkpoint_path")) and not tagged and cls._differ(published):
            raise DataError(
                f"the checkpoint does not say how its pictures were prepared, and timm has several ways for '{name}': "
                f"{choose_from(f'{cls.name}:{one}' for one in published)}"
            )
        return name if tagged else f"{name}.{found.tag}"

    @classmethod
    def _differ(cls, presets: Iterable[str]) -> bool:
        numbers = []
        for preset in presets:
            try:
                numbers.append(cls.keys(preset))
            except DataError:
                # What is refused differs from what is not, and from the other that is refused perhaps.
                return True
        return any(one != numbers[0] for one in numbers)
