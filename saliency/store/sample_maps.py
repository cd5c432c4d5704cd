"""Reading all maps of single samples out of the shards of a store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes

from saliency.experiment.arrays import stored_array
from saliency.experiment.config import read_class_names
from saliency.experiment.plan import Plan
from saliency.methods.registered import method
from saliency.methods.upsampling import upsample_array
from saliency.store.codec import read_shard
from saliency.store.layout import plan_specs


@dataclass(frozen=True)
class SampleMaps:
    """What a figure shows of one sample.

    Attributes
    ----------
    image
        The input, ``(c, *spatial)``.
    maps
        By method, at the input's size: ``(1, *spatial)`` or ``(c, *spatial)``.
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
    plan
        The experiment.
    model, target
        Names.
    files
        By array (its name, without the target): its shard files, in the order of `shards`. Entries of other names
        do not count.
    shards
        Numbers of the shards that `files` holds.
    descriptions
        The model's JSON descriptions.
    """

    def __init__(
        self,
        plan: Plan,
        model: str,
        target: str,
        files: Mapping[str, Sequence[str | Path]],
        shards: Sequence[int],
        descriptions: Iterable[str | Path],
    ) -> None:
        self.plan, self.model, self.target = plan, model, target
        self.specs = plan_specs(plan, model, descriptions)
        self.class_names = read_class_names(plan.config["models"][model]["class_names"])
        names = {path.rpartition("/")[2] for path in plan.arrays}
        self._files = {
            (name, shard): Path(path)
            for name, paths in files.items()
            if name in names
            for shard, path in zip(shards, paths, strict=True)
        }

    def _sample(self, name: str, row: int) -> np.ndarray:
        shard, position = divmod(row, self.plan.shard_size)
        spec = self.specs[f"{self.target}/{name}" if stored_array(name).per_target else name]
        return read_shard(self._files[name, shard], len(self.plan.rows(shard)), spec, [position])[0]

    def __call__(self, row: int) -> SampleMaps:
        """Read one sample by its row in the manifest."""
        image, maps = self._sample("inputs", row), {}
        for name in self.plan.methods:
            values = self._sample(name, row)
            if not method(name).channels:
                values = values[np.newaxis]
            maps[name] = upsample_array(values, image.shape[1:]) if method(name).grid == "features" else values
        voxel_size = None
        if "affine" in self.specs:
            affine = self._sample("affine", row)
            # A volume that could not be read has none; what says so takes its room all the same.
            voxel_size = tuple(voxel_sizes(affine)) if np.isfinite(affine).all() else (1.0, 1.0, 1.0)
        return SampleMaps(image, maps, int(self._sample("class", row)), voxel_size)
