"""Reading a model's store."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr


class UpsampledMaps:
    """Maps of a target layer at the size of the input, computed when they are indexed.

    Attributes
    ----------
    shape, dtype
        As of an array ``(samples, *spatial)``.
    """

    def __init__(self, array: zarr.Array, spatial: Sequence[int]) -> None:
        self._array = array
        self.shape = (array.shape[0], *spatial)
        self.dtype = array.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """Select along the sample axis first, as in NumPy; further axes apply to the upsampled maps."""
        import torch

        from saliency.methods.upsampling import upsample

        rows, *rest = index if isinstance(index, tuple) else (index,)
        native = np.asarray(self._array[rows] if isinstance(rows, int | slice) else self._array.oindex[rows])
        single = native.ndim == self._array.ndim - 1
        batch = torch.from_numpy(native[np.newaxis] if single else native)
        maps = upsample(batch, self.shape[1:])[:, 0].numpy()
        maps = maps[0] if single else maps
        return maps[tuple(rest) if single else (slice(None), *rest)]


class Maps:
    """A model's store, opened for reading.

    Attributes
    ----------
    path
        The store.
    group
        The Zarr group.
    ids
        Sample ids, in row order.
    targets
        Names of the explained targets.
    arrays
        Paths of the arrays. Those that an earlier config left are not among them, where ``provenance.json`` lies beside
        the store and says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.group = zarr.open_group(path, mode="r")
        there = {key for key, value in self.group.members(max_depth=None) if isinstance(value, zarr.Array)}
        listed = _listed_arrays(path)
        self.arrays = tuple(sorted(there if listed is None else there & {"id", *listed}))
        self.ids: list[str] = np.asarray(self["id"][...]).tolist()
        self.targets = tuple(sorted({name.partition("/")[0] for name in self.arrays if "/" in name}))

    def __getitem__(self, name: str) -> zarr.Array:
        """Array by its path in the store, for example ``inputs`` or ``predicted/gradcam``."""
        found = self.group.get(name) if name in self.arrays else None
        if not isinstance(found, zarr.Array):
            raise KeyError(f"{self.path} has no array '{name}'; it has: {', '.join(self.arrays)}")
        return found

    def array(self, name: str, target: str | None = None, upsample: bool = False) -> "zarr.Array | UpsampledMaps":
        """Array by name and target; nothing is read until it is indexed.

        Parameters
        ----------
        name
            ``inputs``, ``status``, ``logits``, or with a target ``class`` or a method.
        target
            A name of :attr:`targets`.
        upsample
            Bring maps on the target layer's grid to the size of the input.
        """
        found = self[f"{target}/{name}" if target else name]
        return UpsampledMaps(found, self["inputs"].shape[2:]) if upsample else found

    def row(self, sample: str) -> int:
        """Row number of a sample id."""
        try:
            return self.ids.index(sample)
        except ValueError:
            raise KeyError(f"{self.path} has no sample '{sample}'") from None


def _listed_arrays(path: Path) -> set[str] | None:
    """Arrays that the last run had of a model, by ``provenance.json``; None where there is none that can be used.

    Raises
    ------
    FileNotFoundError
        If it did not have the model.
    """
    try:
        digests = json.loads((path.parent / "provenance.json").read_text(encoding="utf-8"))["digests"]
        listed = {key.rpartition("/c.")[0] for key in digests[path.stem]} if path.stem in digests else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if listed is None:
        raise FileNotFoundError(
            f"{path}: the last run had no model '{path.stem}': it is left of an earlier config; `python -m saliency "
            f"unused {path.parent}` lists such files"
        )
    return listed


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def open_maps(path: str | Path) -> Maps:
    """Open a model's store, ``results/EXPERIMENT/MODEL.zarr``.

    Parameters
    ----------
    path
        The store's folder.

    Returns
    -------
    Maps
        Gives arrays by name and target.

    Raises
    ------
    FileNotFoundError
        If there is no store, or shards are missing or empty, naming them: they would read as NaN.

    Examples
    --------
    >>> maps = open_maps("results/photographs/efficientnet_lite0.zarr")  # doctest: +SKIP
    >>> cam = maps.array("gradcam", target="predicted", upsample=True)  # doctest: +SKIP
    >>> cam[maps.row("cat")].shape  # doctest: +SKIP
    (224, 224)
    """
    path = Path(path)
    if not (path / "zarr.json").is_file():
        raise FileNotFoundError(f"{path} is no store: it has no zarr.json (is the run finished?)")
    maps = Maps(path)
    missing = []
    for name in maps.arrays:
        array = maps[name]
        shard_size = (array.shards or array.chunks)[0]
        rest = ["0"] * (array.ndim - 1)
        keys = (".".join(["c", str(number), *rest]) for number in range(-(-array.shape[0] // shard_size)))
        missing += [f"{name}/{key}" for key in keys if not _has_content(path / name / key)]
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise FileNotFoundError(f"{path}: {len(missing)} shards are missing: {shown}; run the workflow to make them")
    return maps
