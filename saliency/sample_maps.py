"""Reading all maps of single samples out of the shards of a store."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes

from saliency.config import Config, read_class_names
from saliency.enlargement import enlarge_maps
from saliency.plan import Plan
from saliency.shards import read_shard
from saliency.store import plan_specs


@dataclass(frozen=True)
class SampleMaps:
    """What a figure shows of one sample.

    Attributes
    ----------
    image
        The input, ``(c, *spatial)``.
    maps
        By method, at the input's size: ``gradcam`` ``(1, *spatial)``, the others ``(c, *spatial)``.
    class_index
        The explained class; -1 if there is none.
    voxel_size
        In mm, of volumes.
    """

    image: np.ndarray
    maps: dict[str, np.ndarray]
    class_index: int
    voxel_size: tuple[float, ...] | None


class SampleReader:
    """Reads single samples of one target out of the shards of a store.

    Parameters
    ----------
    config
        The completed config.
    model, target
        Names.
    store
        The model's store.
    descriptions
        Its JSON descriptions.
    """

    def __init__(
        self, config: Config, model: str, target: str, store: Path, descriptions: Iterable[str | Path]
    ) -> None:
        self.plan, self.model, self.target, self.store = Plan(config), model, target, store
        self.specs = plan_specs(self.plan, model, descriptions)
        self.class_names = read_class_names(config["models"][model]["class_names"])

    def _sample(self, name: str, row: int) -> np.ndarray:
        shard, position = divmod(row, self.plan.shard_size)
        path = self.store / self.plan.shard_key(name, shard)
        return read_shard(path, len(self.plan.rows(shard)), self.specs[name], [position])[0]

    def __call__(self, row: int) -> SampleMaps:
        """Read one sample by its row in the manifest."""
        image = self._sample("inputs", row)
        maps = {method: self._sample(f"{self.target}/{method}", row) for method in self.plan.methods}
        if "gradcam" in maps:
            maps["gradcam"] = enlarge_maps(maps["gradcam"][np.newaxis], image.shape[1:])
        voxel_size = tuple(voxel_sizes(self._sample("affine", row))) if "affine" in self.specs else None
        return SampleMaps(image, maps, int(self._sample(f"{self.target}/class", row)), voxel_size)
