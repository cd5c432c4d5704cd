"""A model's arrays on disk: one Zarr group, whose shards are written apart from its metadata (`zarr.json`)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from saliency.atomic_files import write_atomically
from saliency.config import input_config
from saliency.descriptions import read_descriptions
from saliency.plan import Plan
from saliency.samples import preprocessing_of
from saliency.shards import ArraySpec

SPATIAL_NAMES = {2: ("y", "x"), 3: ("x", "y", "z")}


def array_specs(
    input_shape: Sequence[int],
    classes: int,
    feature_shape: Sequence[int] | None,
    targets: Iterable[str],
    methods: Iterable[str],
    shard_size: int,
    dtype: str = "float32",
    region: bool = False,
) -> dict[str, ArraySpec]:
    """Lay out a model's store.

    Parameters
    ----------
    input_shape
        ``(c, *spatial)``.
    classes
        Number of scores per sample.
    feature_shape
        Spatial shape of the target layer; None where there is no Grad-CAM.
    targets, methods
        Names.
    shard_size
        Samples per shard.
    dtype
        Of everything that is floating point.
    region
        Whether the regions of a dense model's scores come from masks.

    Returns
    -------
    dict
        By path in the store: ``inputs``, ``status``, ``logits``, ``{target}/class``, ``{target}/{method}``; for volumes
        ``affine``, from voxels of the input to millimetres; with `region` ``region``, 1 inside, 0 outside.

    Examples
    --------
    >>> specs = array_specs((3, 224, 224), 1000, (7, 7), ["predicted"], ["gradcam"], 256)
    >>> specs["predicted/gradcam"].shape, specs["predicted/gradcam"].dimension_names
    ((7, 7), ('feature_y', 'feature_x'))
    """
    spatial = SPATIAL_NAMES[len(input_shape) - 1]
    dense = ArraySpec(tuple(input_shape), dtype, ("channel", *spatial), shard_size)
    specs = {
        "inputs": dense,
        "status": ArraySpec((), "int8", (), shard_size),
        "logits": ArraySpec((classes,), dtype, ("class",), shard_size),
    }
    if len(spatial) == 3:
        specs["affine"] = ArraySpec((4, 4), "float64", ("affine_row", "affine_column"), shard_size)
    if region:
        specs["region"] = ArraySpec(tuple(input_shape[1:]), "int8", spatial, shard_size)
    for target in targets:
        specs[f"{target}/class"] = ArraySpec((), "int64", (), shard_size)
        for method in methods:
            specs[f"{target}/{method}"] = dense
            if method == "gradcam":
                features = tuple(f"feature_{name}" for name in spatial)
                specs[f"{target}/gradcam"] = ArraySpec(tuple(feature_shape or ()), dtype, features, shard_size)
    return specs


def plan_specs(plan: Plan, model: str, descriptions: Iterable[str | Path]) -> dict[str, ArraySpec]:
    """Lay out the store of one of an experiment's models.

    Parameters
    ----------
    plan, model
        The experiment, and which of its models.
    descriptions
        Without them the number of classes and the shape of the feature map are not known, and ``logits`` and
        ``gradcam`` cannot be used.
    """
    return described_specs(plan, model, read_descriptions(descriptions))


def described_specs(plan: Plan, model: str, found: Mapping[str, Any]) -> dict[str, ArraySpec]:
    """Lay out a store as `plan_specs` does, with the descriptions at hand."""
    return array_specs(
        preprocessing_of(input_config(plan.config, model)).shape,
        found.get("classes", 0),
        found.get("feature_shape"),
        plan.targets,
        plan.methods,
        plan.shard_size,
        plan.config["precision"],
        plan.config["region"] == "mask",
    )


def store_metadata(specs: Mapping[str, ArraySpec], ids: Sequence[str]) -> dict[str, bytes]:
    """Everything in a store but its shards, by path: ``zarr.json`` files and the array of sample ids.

    Examples
    --------
    >>> sorted(store_metadata({"a/b": ArraySpec((), "int8", (), 4)}, ["x"]))
    ['a/b/zarr.json', 'a/zarr.json', 'id/c.0', 'id/zarr.json', 'zarr.json']
    """
    files: dict[str, bytes] = {}
    group = MemoryStore()
    zarr.create_group(group)
    for folder in {"", *(name.partition("/")[0] for name in specs if "/" in name)}:
        files[f"{folder}/zarr.json".lstrip("/")] = group._store_dict["zarr.json"].to_bytes()
    for name, spec in specs.items():
        _, store = spec.create(len(ids))
        files[f"{name}/zarr.json"] = store._store_dict["zarr.json"].to_bytes()
    store = MemoryStore()
    array = zarr.create_array(
        store,
        shape=(len(ids),),
        dtype=str,
        chunks=(max(1, len(ids)),),
        compressors=[ZstdCodec(), Crc32cCodec()],
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=("sample",),
    )
    array[...] = np.array(ids, dtype=object)
    return files | {f"id/{key}": value.to_bytes() for key, value in store._store_dict.items()}


def write_metadata(plan: Plan, model: str, root: Path, descriptions: Iterable[str | Path]) -> None:
    """Write everything in a model's store but its shards."""
    specs = plan_specs(plan, model, descriptions)
    for name, content in store_metadata(specs, plan.samples["id"].tolist()).items():
        write_atomically(root / name, content)


class EnlargedMaps:
    """Grad-CAMs at the size of the input, computed when they are indexed.

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
        """Select along the sample axis first, as in NumPy; further axes apply to the enlarged maps."""
        import torch

        from saliency.gradcam import enlarge

        rows, *rest = index if isinstance(index, tuple) else (index,)
        native = np.asarray(self._array[rows] if isinstance(rows, int | slice) else self._array.oindex[rows])
        single = native.ndim == self._array.ndim - 1
        batch = torch.from_numpy(native[np.newaxis] if single else native)
        maps = enlarge(batch, self.shape[1:])[:, 0].numpy()
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
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.group = zarr.open_group(path, mode="r")
        self.ids: list[str] = self["id"][...].tolist()
        self.targets = tuple(sorted(self.group.group_keys()))

    def __getitem__(self, name: str) -> zarr.Array:
        """Array by its path in the store, for example ``inputs`` or ``predicted/gradcam``."""
        found = self.group.get(name)
        if not isinstance(found, zarr.Array):
            known = sorted(key for key, value in self.group.members(max_depth=None) if isinstance(value, zarr.Array))
            raise KeyError(f"{self.path} has no array '{name}'; it has: {', '.join(known)}")
        return found

    def array(self, name: str, target: str | None = None, enlarge: bool = False) -> "zarr.Array | EnlargedMaps":
        """Array by name and target; nothing is read until it is indexed.

        Parameters
        ----------
        name
            ``inputs``, ``status``, ``logits``, or with a target ``class``, ``gradcam``, ``guided_backprop``,
            ``guided_gradcam``.
        target
            A name of :attr:`targets`.
        enlarge
            Bring Grad-CAM to the size of the input.
        """
        found = self[f"{target}/{name}" if target else name]
        return EnlargedMaps(found, self["inputs"].shape[2:]) if enlarge else found

    def row(self, sample: str) -> int:
        """Row number of a sample id."""
        try:
            return self.ids.index(sample)
        except ValueError:
            raise KeyError(f"{self.path} has no sample '{sample}'") from None


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
    >>> cam = maps.array("gradcam", target="predicted", enlarge=True)  # doctest: +SKIP
    >>> cam[maps.row("cat")].shape  # doctest: +SKIP
    (224, 224)
    """
    path = Path(path)
    if not (path / "zarr.json").is_file():
        raise FileNotFoundError(f"{path} is no store: it has no zarr.json (is the run finished?)")
    maps = Maps(path)
    missing = []
    for name, array in maps.group.members(max_depth=None):
        if isinstance(array, zarr.Array):
            shard_size = (array.shards or array.chunks)[0]
            rest = ["0"] * (array.ndim - 1)
            keys = (".".join(["c", str(number), *rest]) for number in range(-(-array.shape[0] // shard_size)))
            missing += [f"{name}/{key}" for key in keys if not _has_content(path / name / key)]
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise FileNotFoundError(f"{path}: {len(missing)} shards are missing: {shown}; run the workflow to make them")
    return maps
