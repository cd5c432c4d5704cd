"""The arrays of a model's store: one row for each, and the one place that knows how a shard's file is called."""

from collections.abc import Sequence
from dataclasses import dataclass

from saliency.methods.axes import SPATIAL_NAMES
from saliency.methods.registered import methods

# Axes that stand for all spatial axes of the input, and of the target layer's feature map.
SPATIAL, FEATURES = "spatial", "feature"
# Samples smaller than this share one compressed chunk per shard; larger ones are chunks of their own, read one by one.
CHUNK_BYTES = 64 * 1024

# Files of the sample ids, as texts and as numbers: whole arrays, which no shard's job writes.
ID_FILES = ("id/zarr.json", "id/c.0", "id_bytes/zarr.json", "id_bytes/c.0.0")


@dataclass(frozen=True)
class StoredArray:
    """What is stored of each sample.

    Attributes
    ----------
    name
        Last part of its path in the store.
    axes
        After the sample's; `SPATIAL` and `FEATURES` stand for several.
    dtype
        NumPy name; "" for the config's ``precision``.
    fill
        What stands for a failed sample.
    step
        The step that writes it.
    per_target
        Whether there is one for each target, in the target's folder.
    """

    name: str
    axes: tuple[str, ...]
    dtype: str
    fill: float
    step: str
    per_target: bool = False

    def dimension_names(self, ndim: int) -> tuple[str, ...]:
        """Name of each axis after the sample's.

        Examples
        --------
        >>> stored_array("inputs").dimension_names(2), stored_array("region").dimension_names(3)
        (('channel', 'y', 'x'), ('x', 'y', 'z'))
        """
        names: list[str] = []
        for axis in self.axes:
            if axis == SPATIAL:
                names += SPATIAL_NAMES[ndim]
            elif axis == FEATURES:
                names += [f"{FEATURES}_{name}" for name in SPATIAL_NAMES[ndim]]
            else:
                names.append(axis)
        return tuple(names)


ARRAYS = (
    StoredArray("inputs", ("channel", SPATIAL), "", float("nan"), "prepare"),
    StoredArray("status", (), "int8", 0, "prepare"),
    # Of volumes: from voxels of the input to millimetres.
    StoredArray("affine", ("affine_row", "affine_column"), "float64", float("nan"), "prepare"),
    # Where scores are summed over masks: 1 inside, 0 outside.
    StoredArray("region", (SPATIAL,), "int8", -1, "prepare"),
    StoredArray("logits", ("class",), "", float("nan"), "predict"),
    StoredArray("class", (), "int64", -1, "target_class", per_target=True),
)


def stored_array(path: str) -> StoredArray:
    """The row of an array, by its path in the store or its name.

    Raises
    ------
    ValueError
        If no array has that name.

    Examples
    --------
    >>> stored_array("predicted/class").step
    'target_class'
    """
    name = path.rpartition("/")[2]
    known = {array.name: array for array in ARRAYS}
    if name in known:
        return known[name]
    if name not in methods():
        raise ValueError(f"a store has no array '{name}'; it can have {', '.join([*known, *methods()])}")
    method = methods()[name]
    axes = (FEATURES,) if method.grid == "features" else (SPATIAL,)
    return StoredArray(name, ("channel", *axes) if method.channels else axes, "", float("nan"), name, per_target=True)


def array_paths(ndim: int, region: bool, targets: Sequence[str], method_names: Sequence[str]) -> list[str]:
    """Path in the store of each array of a model.

    Parameters
    ----------
    ndim
        Number of spatial axes.
    region
        Whether scores are summed over masks.
    targets, method_names
        Names.

    Examples
    --------
    >>> array_paths(2, False, ["predicted", "label"], [])
    ['inputs', 'status', 'logits', 'predicted/class', 'label/class']
    """
    left_out = {"affine": ndim != 3, "region": not region}
    shared = [array.name for array in ARRAYS if not array.per_target and not left_out.get(array.name, False)]
    of_target = [*(array.name for array in ARRAYS if array.per_target), *method_names]
    return [*shared, *(f"{target}/{name}" for target in targets for name in of_target)]


def shard_key(path: str, shard: int | str, ndim: int) -> str:
    """Path of a shard's file inside the store: Zarr's chunk key with "." as separator.

    Examples
    --------
    >>> shard_key("inputs", 3, 2), shard_key("predicted/class", 0, 3)
    ('inputs/c.3.0.0.0', 'predicted/class/c.0')
    """
    return chunk_key(path, shard, len(stored_array(path).dimension_names(ndim)))


def chunk_key(path: str, shard: int | str, further_axes: int) -> str:
    """Path of a file of an array with a number of axes after the sample's, all of which lie in one chunk.

    Examples
    --------
    >>> chunk_key("mean", 0, 2)
    'mean/c.0.0.0'
    """
    return ".".join([f"{path}/c", str(shard), *["0"] * further_axes])
