"""The steps of one shard without Snakemake."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from saliency.exceptions import DataError
from saliency.methods.registered import methods
from saliency.networks.runner import Runner
from saliency.steps.classes import choose_classes
from saliency.steps.fused import fused
from saliency.steps.predict import predict_shard
from saliency.steps.prepare import prepare
from tests.helpers.shards import run_steps
from tests.helpers.token_networks import TokenNetwork


def test_fused_and_steps_write_the_same_bytes(job):
    settings = {"targets": ["predicted", "runner_up", "label", 4], "shard_size": 5, "batch_size": 2}
    one, other = job("steps", **settings), job("fused", **settings)
    run_steps(one)
    fused(other)
    assert len(one.plan.arrays) == 3 + 4 * 4
    for name in one.plan.arrays:
        assert one.files[name].read_bytes() == other.files[name].read_bytes(), name


# Passes enough to be more than one, for methods that may have hundreds.
FEW = {
    **{name: {"samples": 3} for name in ("smoothgrad", "smoothgrad_squared", "vargrad")},
    "rise": {"masks": 5},
    "integrated_gradients": {"steps": 3, "baseline": "noise"},
    "occlusion": {"window": 0.5, "stride": 0.5},
}


def transformer():
    """The same one each time."""
    torch.manual_seed(0)
    return TokenNetwork((3, 32, 32), (8, 8))


TRANSFORMER = {"factory": "tests.steps.test_steps:transformer", "target_layer": "blocks.1"}
CONVOLUTIONS = {
    "factory": "tests.methods.test_feature_maps:small_network",
    "kwargs": {"ndim": 2, "classes": 4},
    "target_layer": "0",
}


@pytest.mark.filterwarnings("ignore:the model has no ReLU")
@pytest.mark.parametrize(("model", "unfit"), [(CONVOLUTIONS, ("attention",)), (TRANSFORMER, ("cam", "lrp"))])
def test_all_methods_together_and_one_after_the_other_write_the_same_bytes(job, model, unfit):
    names = [name for name in methods() if not name.removeprefix("guided_").startswith(unfit)]
    settings = {"models": {"tiny": model}, "methods": names, "method_settings": FEW, "targets": ["predicted", 1]}
    settings |= {"shard_size": 5, "batch_size": 2, "input": {"resize": None, "crop": 32}}
    one, other = job("steps", **settings), job("fused", **settings)
    run_steps(one)
    fused(other)
    assert len(one.plan.arrays) == 3 + 2 * (1 + len(names))
    for name in one.plan.arrays:
        assert one.files[name].read_bytes() == other.files[name].read_bytes(), name
        assert "/" not in name or name.endswith("class") or one.read(name).any(), name


def test_maps_of_fewer_bits_are_smaller_and_the_same_in_one_pass(job):
    settings = {"targets": ["predicted", "label"], "shard_size": 5, "batch_size": 2}
    rounded = settings | {"keep_bits": {"guided_backprop": 7, "gradcam": 3}}
    exact, one, other = job("exact", **settings), job("steps", **rounded), job("fused", **rounded)
    fused(exact)
    run_steps(one)
    fused(other)
    for name in one.plan.arrays:
        assert one.files[name].read_bytes() == other.files[name].read_bytes(), name
    for name, bits in {"predicted/guided_backprop": 7, "label/gradcam": 3}.items():
        np.testing.assert_allclose(one.read(name), exact.read(name), rtol=2.0 ** -(bits + 1), atol=0)
    sizes = [made.files["predicted/guided_backprop"].stat().st_size for made in (one, exact)]
    assert sizes[0] < 0.7 * sizes[1]
    # What is made from rounded maps is not rounded itself.
    assert (one.read("predicted/guided_gradcam").view(np.uint32) & 1).any()


def test_reduced_precision_changes_little_and_is_the_same_in_one_pass(job):
    settings = {"shard_size": 5, "batch_size": 2, "reduced_precision": "bfloat16"}
    exact, one, other = job("exact", shard_size=5, batch_size=2), job("steps", **settings), job("fused", **settings)
    fused(exact)
    run_steps(one)
    fused(other)
    for name in one.plan.arrays:
        assert one.files[name].read_bytes() == other.files[name].read_bytes(), name
    for name in ("logits", "predicted/gradcam", "predicted/guided_backprop"):
        full, reduced = exact.read(name), one.read(name)
        assert reduced.dtype == np.float32
        # bfloat16 has eight binary digits.
        difference = np.abs(full - reduced).max() / np.abs(full).max()
        assert 2**-16 < difference < 2**-3, name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("network", ["densenet121", "mobilenet_v2", "resnet50"])
def test_gpu_writes_the_same_bytes_again_and_in_one_pass(job, network):
    models = {"tiny": {"factory": f"torchvision.models:{network}"}}
    settings = {"models": models, "input": {"resize": 64, "crop": 64}, "shard_size": 5, "batch_size": 2}
    one, again, as_one = (job(folder, device="cuda", **settings) for folder in ("one", "again", "as_one"))
    run_steps(one)
    run_steps(again)
    fused(as_one)
    for name in one.plan.arrays:
        assert again.files[name].read_bytes() == one.files[name].read_bytes(), name
        assert as_one.files[name].read_bytes() == one.files[name].read_bytes(), name


def test_classes_of_each_target(job):
    made = job(targets=["predicted", "runner_up", "label", 4], shard_size=5)
    fused(made)
    order = np.argsort(-made.read("logits"), axis=1)
    assert made.read("predicted/class").tolist() == order[:, 0].tolist()
    assert made.read("runner_up/class").tolist() == order[:, 1].tolist()
    assert made.read("label/class").tolist() == [0, 1, 2, -1, 4]
    assert made.read("class-4/class").tolist() == [4] * 5
    for name in ("gradcam", "guided_backprop", "guided_gradcam"):
        maps = made.read(f"label/{name}")
        assert np.isnan(maps[3]).all()
        assert np.isfinite(maps[[0, 1, 2, 4]]).all()


class WithoutModules(nn.Module):
    """A network whose convolutions are functions, so that only the config says how many spatial axes there are."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.linspace(-1, 1, 5 * 3 * 9).view(5, 3, 3, 3))
        self.features = nn.Identity()

    def forward(self, x):
        return self.features(torch.relu(nn.functional.conv2d(x, self.kernel))).mean((2, 3))


def test_config_says_how_many_spatial_axes_there_are(job):
    models = {"tiny": {"factory": "tests.steps.test_steps:WithoutModules", "target_layer": "features"}}
    one, other = (job(folder, models=models, shard_size=5) for folder in ("steps", "fused"))
    run_steps(one)
    fused(other)
    assert np.isfinite(one.read("predicted/guided_gradcam")).all()
    for name in one.plan.arrays:
        assert one.files[name].read_bytes() == other.files[name].read_bytes(), name


def test_float64(job):
    made = job(precision="float64")
    fused(made)
    assert made.read("predicted/gradcam").dtype == np.float64


@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_output_that_is_not_finite(job, on_error, caplog):
    made = job(on_error=on_error)
    prepare(made)
    inputs = made.read("inputs")
    inputs[1] = np.finfo(np.float32).max
    made.write("inputs", inputs)
    predict_shard(made)
    assert "sample 's1': data/s1.png: the network's output is not finite" in caplog.messages
    assert np.isnan(made.read("logits")[1]).all()
    assert np.isfinite(made.read("logits")[0]).all()
    choose_classes(made, "predicted")
    assert made.read("predicted/class")[1] == -1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"targets": [7], "models": {"tiny": {"factory": "tiny_network:Network"}}}, "targets: 7: .* outside the model"),
        (
            {"targets": [2], "models": {"tiny": {"factory": "saliency:NeuralNetwork",
             "kwargs": {"input_shape": [3, 30, 30]}, "outputs": "probabilities"}}},
            "targets: 2: is outside the model's classes 0 … 1",
        ),
    ],
)  # fmt: skip
def test_target_that_the_model_does_not_have(job, settings, message):
    made = job(**settings)
    with pytest.raises(DataError, match=message):
        fused(made)


def test_label_outside_the_models_classes(job, tmp_path, caplog):
    manifest = tmp_path / "data" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("s1,s1.png,1", "\ns1,s1.png,5"))
    made = job(targets=["label", "predicted"], models={"tiny": {"factory": "tiny_network:Network"}})
    fused(made)
    line = "label 5 is outside the model's classes 0 … 4: correct it in line 4 of data/manifest.csv, or leave it empty"
    assert f"sample 's1': data/s1.png: {line}" in caplog.messages
    assert made.read("label/class").tolist() == [0, -1]
    assert np.isnan(made.read("label/gradcam")[1]).all()
    assert np.isfinite(made.read("predicted/gradcam")).all()


@pytest.mark.filterwarnings("ignore:layer .* does not carry the whole score")
def test_map_that_is_not_finite_is_stored_as_nan(job, tmp_path, caplog):
    """The slope of a square root is infinite where its argument is 0, though the root itself is finite."""
    code = (tmp_path / "tiny_network.py").read_text().replace("self.head(x.mean((2, 3)))", "ROOT")
    code = code.replace("ROOT", "self.head(x.mean((2, 3))) + input.mean((1, 2, 3))[:, None].sqrt()")
    code = code.replace("def forward(self, x):", "def forward(self, x):\n        input = x")
    (tmp_path / "root_network.py").write_text(code)
    settings = {"models": {"tiny": {"factory": "root_network:Network"}}, "input": {"resize": 32, "crop": 30}}
    Image.new("RGB", (40, 40)).save(tmp_path / "data" / "s1.png")
    made = job(**settings | {"input": settings["input"] | {"mean": [0], "std": [1]}})
    fused(made)
    assert np.isfinite(made.read("logits")).all()
    name = "predicted/guided_backprop"
    assert f"sample 's1': data/s1.png: {name} is not finite, NaN is stored" in caplog.messages
    assert np.isnan(made.read(name)[1]).all()
    assert np.isfinite(made.read(name)[0]).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device(job):
    runner = Runner(job(device="cuda").config, "tiny")
    with pytest.raises(DataError, match="torch finds no CUDA device here: use auto or cpu"):
        runner.explainer(["gradcam"])


class Limited(nn.Module):
    """A network on a device whose memory suffices for two samples."""

    def __init__(self, error):
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.error = error

    def forward(self, x):
        if len(x) > 2:
            self.fail()
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).mean((2, 3)))

    def fail(self):
        match self.error:
            case "main memory":
                torch.empty(2**46, dtype=torch.uint8)
            case "device":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            case other:
                raise RuntimeError(other)


@pytest.mark.parametrize("error", ["main memory", "device"])
def test_batch_that_memory_does_not_hold_is_halved(job, error, caplog):
    models = {"tiny": {"factory": "tests.steps.test_steps:Limited", "kwargs": {"error": error}}}
    settings = {"models": models, "shard_size": 5, "targets": ["predicted", 4]}
    small, whole = job("small", batch_size=2, **settings), job("whole", batch_size=5, **settings)
    run_steps(small)
    assert "out of memory" not in caplog.text
    run_steps(whole)
    for step in ("predict", "gradcam", "guided_backprop"):
        assert f"{step}: out of memory with 5 samples at once: going on with 2" in caplog.messages
    as_one = job("as_one", batch_size=5, **settings)
    fused(as_one)
    assert "fused: out of memory with 5 samples at once: going on with 2" in caplog.messages
    for name in small.plan.arrays:
        assert np.abs(small.read(name)).max() > 0 or name == "status"
        np.testing.assert_array_equal(whole.read(name), small.read(name))
        np.testing.assert_array_equal(as_one.read(name), small.read(name))


def test_small_shards_are_said_to_be_small(job, caplog):
    caplog.set_level("INFO")
    advice = "in which the job started: a larger shard_size makes fewer jobs"
    # This process has started long before.
    fused(job(shard_size=5))
    assert advice not in caplog.text
    fused(job(shard_size=2))
    assert advice in caplog.text


def test_memory_that_does_not_hold_one_sample_and_other_errors_end_the_job(job):
    made = job(
        models={"tiny": {"factory": "tests.steps.test_steps:Limited", "kwargs": {"error": "device"}}}, batch_size=5
    )
    runner = Runner(made.config, "tiny")
    samples = [runner.seen(np.zeros((3, 30, 30), dtype=np.float32))] * 5

    def fail(rows, batch, region):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried")

    with pytest.raises(DataError, match=r"predict: memory does not suffice for a single sample \(CUDA out of memory"):
        list(runner.batches("predict", samples, 5, fail, lambda done: None))
    with pytest.raises(
        DataError, match=r"predict: memory does not suffice for a single sample \(Unable to allocate 8.00 PiB"
    ):
        list(runner.batches("predict", samples, 5, lambda rows, batch, region: np.ones(2**50), lambda done: None))
    other = job(
        models={"tiny": {"factory": "tests.steps.test_steps:Limited", "kwargs": {"error": "shapes differ"}}},
        shard_size=5,
    )
    prepare(other)
    other.config["batch_size"] = 5
    with pytest.raises(RuntimeError, match="shapes differ"):
        predict_shard(other)


def test_jobs_without_a_network_do_not_import_torch():
    modules = (
        "saliency.steps.prepare, saliency.steps.classes, saliency.steps.predictions, saliency.steps.failures, "
        "saliency.steps.export, saliency.steps.explain, saliency.figures.files, saliency.store.verify"
    )
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
