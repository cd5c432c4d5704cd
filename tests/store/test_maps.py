import re

import numpy as np
import pytest
import torch
import xarray
import zarr
from torch.nn import functional

from saliency.experiment.arrays import array_paths
from saliency.files.atomic_files import write_atomically
from saliency.methods.upsampling import upsample_array
from saliency.store.codec import write_shard
from saliency.store.layout import array_specs, id_bytes_files, store_metadata
from saliency.store.maps import open_maps

IDS = ["cat", "dog", "00", "ä", "e"]
PATHS = array_paths(2, False, ["predicted", "class-1"], ["gradcam", "guided_backprop"])
SPECS = array_specs(PATHS, (3, 80, 90), 7, (4, 5), shard_size=2)
SAMPLE_SHAPES = {
    "inputs": (3, 80, 90),
    "status": (),
    "logits": (7,),
    "predicted/class": (),
    "predicted/gradcam": (4, 5),
    "predicted/guided_backprop": (3, 80, 90),
    "class-1/class": (),
    "class-1/gradcam": (4, 5),
    "class-1/guided_backprop": (3, 80, 90),
}


@pytest.fixture(scope="module")
def arrays():
    generator = np.random.default_rng(0)
    integers = {"status": np.int8, "class": np.int64}
    return {
        name: generator.normal(0, 50, (len(IDS), *shape)).astype(integers.get(name.rpartition("/")[2], np.float32))
        for name, shape in SAMPLE_SHAPES.items()
    }


@pytest.fixture
def store(tmp_path, arrays):
    """A store put together as the workflow does: each shard and each metadata file written on its own."""
    root = tmp_path / "net.zarr"
    for name, values in arrays.items():
        for shard in range(3):
            key = ".".join(["c", str(shard), *["0"] * (values.ndim - 1)])
            write_shard(root / name / key, values[2 * shard : 2 * shard + 2], SPECS[name])
    for name, content in store_metadata(SPECS, IDS).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_zarr_reads_the_store(store, arrays):
    group = zarr.open_group(store, mode="r")
    found = {name: array for name, array in group.members(max_depth=None) if isinstance(array, zarr.Array)}
    assert found.keys() == {*arrays, "id"}
    assert found["id"][...].tolist() == IDS
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name][...], values)


@pytest.mark.parametrize(
    ("group", "dimensions"),
    [
        (None, {"id": ("sample",), "status": ("sample",), "logits": ("sample", "class"),
                "inputs": ("sample", "channel", "y", "x")}),
        ("predicted", {"class": ("sample",), "gradcam": ("sample", "feature_y", "feature_x"),
                       "guided_backprop": ("sample", "channel", "y", "x")}),
    ],
)  # fmt: skip
def test_xarray_reads_the_store_with_named_dimensions(store, arrays, group, dimensions):
    with xarray.open_zarr(store, group=group, consolidated=False, chunks=None) as dataset:
        assert {name: array.dims for name, array in dataset.variables.items()} == dimensions
        for name in dimensions:
            values = np.array(IDS) if name == "id" else arrays[f"{group}/{name}" if group else name]
            np.testing.assert_array_equal(dataset[name].to_numpy(), values)


@pytest.mark.parametrize("dimensions", [("y", "x"), ("x", "y", "z")])
def test_dimension_names_follow_the_number_of_spatial_axes(dimensions):
    shape = (9,) * len(dimensions)
    specs = array_specs(
        array_paths(len(shape), False, ["label"], ["gradcam", "guided_gradcam"]), (1, *shape), 2, shape, 1, "float64"
    )
    assert specs["inputs"].dimension_names == ("channel", *dimensions)
    assert specs["label/gradcam"].dimension_names == tuple(f"feature_{name}" for name in dimensions)
    affine = {"affine": "float64"} if len(dimensions) == 3 else {}
    assert {name: spec.dtype for name, spec in specs.items()} == affine | {
        "inputs": "float64", "status": "int8", "logits": "float64",
        "label/class": "int64", "label/gradcam": "float64", "label/guided_gradcam": "float64",
    }  # fmt: skip


def test_maps_give_arrays_by_name_and_target(store, arrays):
    maps = open_maps(store)
    assert maps.ids == IDS
    assert maps.targets == ("class-1", "predicted")
    for name, values in arrays.items():
        target, _, array = name.rpartition("/")
        np.testing.assert_array_equal(maps.array(array, target or None)[...], values)
        np.testing.assert_array_equal(maps[name][1:4], values[1:4])
    assert [maps.row(sample) for sample in IDS] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(None),
        slice(1, 4),
        slice(2, 2),
        [3, 0],
        np.array([True, False, False, True, True]),
        (2, slice(10, 20)),
        (slice(3), slice(None), 7),
        ([4, 1], 3, slice(None, None, 9)),
        (-2, 5, 6),
    ],
    ids=str,
)
def test_enlarged_maps_equal_torch(store, arrays, index):
    cams = torch.from_numpy(arrays["predicted/gradcam"])[:, None]
    expected = functional.interpolate(cams, (80, 90), mode="bilinear", align_corners=False)[:, 0].numpy()
    enlarged = open_maps(str(store)).array("gradcam", "predicted", upsample=True)
    assert enlarged.shape == (5, 80, 90)
    assert len(enlarged) == 5
    np.testing.assert_array_equal(enlarged[index], expected[index])


def test_unknown_names_are_refused_with_those_there_are(store):
    maps = open_maps(store)
    with pytest.raises(KeyError, match=r"no array 'label/gradcam'; it has: class-1/class, .*predicted/gradcam"):
        maps.array("gradcam", "label")
    with pytest.raises(KeyError, match="no array 'predicted'; it has"):
        _ = maps["predicted"]
    with pytest.raises(KeyError, match="no sample 'wolf'"):
        maps.row("wolf")


@pytest.mark.parametrize("key", ["inputs/c.2.0.0.0", "status/c.0", "class-1/gradcam/c.1.0.0", "id/c.0"])
def test_missing_shard_is_named(store, key):
    (store / key).unlink()
    with pytest.raises(FileNotFoundError, match=f"1 shards are missing: {re.escape(key)}; run the workflow"):
        open_maps(store)


def test_folder_that_is_no_store_is_refused(store):
    with pytest.raises(FileNotFoundError, match=r"is no store: it has no zarr\.json"):
        open_maps(store / "predicted" / "gradcam" / "gone")


def test_several_missing_shards_are_counted(store):
    for shard in range(3):
        (store / f"status/c.{shard}").unlink()
        (store / f"inputs/c.{shard}.0.0.0").unlink()
    with pytest.raises(FileNotFoundError, match=r"6 shards are missing: .* …; run"):
        open_maps(store)


def test_empty_shard_is_named_like_a_missing_one(store):
    (store / "predicted" / "guided_backprop" / "c.0.0.0.0").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=re.escape("predicted/guided_backprop/c.0.0.0.0")):
        open_maps(store)


@pytest.mark.parametrize(
    ("native", "size"), [((7, 7), (224, 224)), ((4, 5, 6), (9, 20, 6)), ((8, 8), (4, 4)), ((1, 1), (5, 3))]
)
def test_maps_are_enlarged_as_torch_does(native, size):
    maps = np.random.default_rng(0).random((2, *native), dtype=np.float32)
    mode = {2: "bilinear", 3: "trilinear"}[len(size)]
    expected = torch.nn.functional.interpolate(torch.from_numpy(maps)[:, None], size, mode=mode)[:, 0]
    np.testing.assert_allclose(upsample_array(maps, size), expected, rtol=1e-5, atol=1e-6)


def test_tensorstore_reads_every_array_but_the_texts(tmp_path):
    tensorstore = pytest.importorskip("tensorstore")
    ids = ["a", "längste", "日本"]
    specs = array_specs(["inputs", "status", "predicted/gradcam"], (3, 150, 150), 2, (2, 3), 2)
    for name, content in (store_metadata(specs, ids) | id_bytes_files(ids)).items():
        write_atomically(tmp_path / name, content)
    values = {name: np.arange(3 * np.prod(spec.shape), dtype=spec.dtype).reshape(3, *spec.shape)
              for name, spec in specs.items()}  # fmt: skip
    for name, spec in specs.items():
        for number in range(2):
            path = tmp_path / name / spec.first_key.replace("c.0", f"c.{number}", 1)
            write_shard(path, values[name][2 * number : 2 * number + 2], spec)
    values["id_bytes"] = None
    for name, expected in values.items():
        store = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path / name}/"}}
        found = tensorstore.open(store, read=True).result().read().result()
        if expected is None:
            assert [bytes(row).rstrip(b"\0").decode() for row in found] == ids
        else:
            np.testing.assert_array_equal(found, expected)
