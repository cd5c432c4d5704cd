"""How a model's store is laid out, and its metadata: one Zarr group, whose shards are written apart."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from saliency.experiment.arrays import FEATURES, SPATIAL, stored_array
from saliency.experiment.config import input_shape
from saliency.experiment.descriptions import read_descriptions
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.store.codec import ArraySpec

# The array of sample ids in numbers, beside the one in texts.
ID_BYTES = "id_bytes"


def array_specs(
    paths: Iterable[str],
    input_shape: Sequence[int],
    classes: int,
    feature_shape: Sequence[int] | None,
    shard_size: int,
    dtype: str = "float32",
    keep_bits: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, ArraySpec]:
    """Lay out a model's store.

    Parameters
    ----------
    paths
        Of the arrays, as `saliency.experiment.arrays.array_paths` gives them.
    input_shape
        ``(c, *spatial)``.
    classes
        Number of scores per sample.
    feature_shape
        Spatial shape of the target layer; None where no method uses one.
    shard_size
        Samples per shard.
    dtype
        Of everything that is floating point.
    keep_bits
        By method: bits of the mantissa that are stored, where not all are.

    Returns
    -------
    dict
        By path in the store.

    Examples
    --------
    >>> specs = array_specs(["predicted/gradcam"], (3, 224, 224), 1000, (7, 7), 256)
    >>> specs["predicted/gradcam"].shape, specs["predicted/gradcam"].dimension_names
    ((7, 7), ('feature_y', 'feature_x'))
    """
    ndim = len(input_shape) - 1
    sizes: dict[str, tuple[int, ...]] = {
        "channel": (input_shape[0],),
        SPATIAL: tuple(input_shape[1:]),
        FEATURES: tuple(feature_shape or ()),
        "class": (classes,),
        "affine_row": (4,),
        "affine_column": (4,),
    }
    specs = {}
    for path in paths:
        array = stored_array(path)
        shape = tuple(size for axis in array.axes for size in sizes[axis])
        names, kept = array.dimension_names(ndim), keep_bits.get(array.name)
        specs[path] = ArraySpec(shape, array.dtype or dtype, names, shard_size, kept)
    return specs


def plan_specs(plan: Plan, model: str, descriptions: Iterable[str | Path]) -> dict[str, ArraySpec]:
    """Lay out the store of one of an experiment's models.

    Parameters
    ----------
    plan, model
        The experiment, and which of its models.
    descriptions
        Without them the number of classes and the shape of the feature map are not known, and arrays that depend on
        them cannot be used.
    """
    return described_specs(plan, model, read_descriptions(descriptions))


def described_specs(plan: Plan, model: str, found: Mapping[str, Any]) -> dict[str, ArraySpec]:
    """Lay out a store as `plan_specs` does, with the descriptions at hand."""
    return array_specs(
        plan.arrays,
        input_shape(plan.config, model),
        found.get("classes", 0),
        found.get("feature_shape"),
        plan.shard_size,
        plan.config["precision"],
        plan.config["keep_bits"],
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


def id_bytes(ids: Sequence[str]) -> np.ndarray:
    """Sample ids as UTF-8, ``(samples, longest)``, with zeros at their ends.

    Examples
    --------
    >>> id_bytes(["a", "é"]).tolist()
    [[97, 0], [195, 169]]
    """
    encoded = [sample.encode() for sample in ids]
    longest = max(map(len, encoded), default=1)
    joined = b"".join(sample.ljust(longest, b"\0") for sample in encoded)
    return np.frombuffer(joined, np.uint8).reshape(len(ids), longest)


def id_bytes_files(ids: Sequence[str]) -> dict[str, bytes]:
    """Files of the array of `id_bytes`, by path: many readers of Zarr know no texts.

    Examples
    --------
    >>> sorted(id_bytes_files(["x"]))
    ['id_bytes/c.0.0', 'id_bytes/zarr.json']
    """
    store, values = MemoryStore(), id_bytes(ids)
    array = zarr.create_array(
        store,
        shape=values.shape,
        dtype=values.dtype,
        chunks=values.shape,
        compressors=[ZstdCodec(), Crc32cCodec()],
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=("sample", "byte"),
        attributes={"encoding": "utf-8"},
        config={"write_empty_chunks": True},
    )
    array[...] = values
    return {f"{ID_BYTES}/{key}": value.to_bytes() for key, value in store._store_dict.items()}


def write_metadata(plan: Plan, model: str, root: Path, descriptions: Iterable[str | Path]) -> None:
    """Write everything in a model's store but its shards."""
    specs = plan_specs(plan, model, descriptions)
    ids = plan.samples["id"].tolist()
    for name, content in (store_metadata(specs, ids) | id_bytes_files(ids)).items():
        write_atomically(root / name, content)
