"""What jobs ask a scheduler for, compared with the memory and time that they use, as the kernel counts them."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml
from PIL import Image

from saliency.experiment.plan import Plan
from saliency.experiment.resources import gpus, memory_cautions, memory_mb, minutes
from saliency.experiment.steps import STEPS
from saliency.experiment.steps import step as cost
from saliency.experiment.validation import complete_config
from tests.helpers.workflow_project import ROOT

SCRIPTS = ROOT / "workflow" / "scripts"
# Snakemake around the job, see docs/cluster.md: two processes.
SNAKEMAKE_MB = 400

JOB = """
import json, sys, time
from pathlib import Path
import yaml
from saliency.steps.fused import fused
from saliency.steps.prepare import prepare
from saliency.steps.predict import predict_shard
from saliency.steps.classes import choose_classes
from saliency.steps.explain import explain_shard
from saliency.steps.explain import combine_shard
from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from tests.helpers.shards import stored_shard

(step,) = sys.argv[1:]
config = yaml.safe_load(Path("config.yaml").read_text())
config, problems = complete_config(config)
assert not problems, problems
descriptions = [Path("model.json"), Path("target_layer.json")]
before = time.process_time()
if step == "inspect_model":
    write_descriptions(config, "network", {"model": descriptions[0]})
elif step == "find_target_layer":
    write_descriptions(config, "network", {"target_layer": descriptions[1]})
else:
    job = stored_shard(config, "network", 0, "store", descriptions)
    {
        "prepare": lambda: prepare(job),
        "predict": lambda: predict_shard(job),
        "target_class": lambda: choose_classes(job, "predicted"),
        "gradcam": lambda: explain_shard(job, "gradcam", "predicted"),
        "guided_backprop": lambda: explain_shard(job, "guided_backprop", "predicted"),
        "guided_gradcam": lambda: combine_shard(job, "guided_gradcam", "predicted"),
        "fused": lambda: fused(job),
    }[step]()
# The largest memory of this program alone: what getrusage says has that of the process that started it in it.
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(json.dumps([int(peak) / 1e3, time.process_time() - before]))
"""


def write_project(folder, factory, kwargs, mode, side, samples, batch):
    generator = np.random.default_rng(0)
    suffix = {"2D": "png", "3D": "nii"}[mode]
    if mode == "2D":
        Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / "noise.png")
    else:
        nibabel.save(
            nibabel.Nifti1Image(generator.random((side,) * 3, dtype=np.float32), np.eye(4)), folder / "noise.nii"
        )
    rows = [f"s{number},noise.{suffix}" for number in range(samples)]
    (folder / "manifest.csv").write_text("\n".join(["id,path", *rows]) + "\n")
    config = {
        "experiment": "test",
        "manifest": "manifest.csv",
        "input": {"mode": mode, "crop": side},
        "models": {"network": {"factory": factory, "kwargs": kwargs}},
        "targets": ["predicted"],
        "shard_size": samples,
        "batch_size": batch,
        "execution": "fused",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


DESCRIBE = ("inspect_model", "find_target_layer")
SEPARATE = ("prepare", "predict", "target_class", "gradcam", "guided_backprop", "guided_gradcam")
RESNET_3D = {"spatial_dims": 3, "n_input_channels": 1, "num_classes": 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "kwargs", "mode", "side", "samples", "batch", "steps"),
    [
        ("torchvision.models:resnet18", {}, "2D", 224, 8, 8, (*DESCRIBE, *SEPARATE)),
        ("monai.networks.nets:resnet10", RESNET_3D, "3D", 64, 4, 4, (*DESCRIBE, "fused")),
    ],
    ids=["resnet18", "resnet10-3D"],
)
def test_jobs_use_less_than_they_ask_for(tmp_path, monkeypatch, factory, kwargs, mode, side, samples, batch, steps):
    write_project(tmp_path, factory, kwargs, mode, side, samples, batch)
    monkeypatch.chdir(tmp_path)
    config, _ = complete_config(yaml.safe_load((tmp_path / "config.yaml").read_text()))
    plan = Plan(config)
    million_values = samples * (3 * side**2 if mode == "2D" else side**3) / 1e6
    for step in steps:
        command = [sys.executable, "-W", "ignore", "-c", JOB, step]
        # The job imports from this folder, and runs in another one.
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        used_mb, seconds = json.loads(done.stdout)
        asked = memory_mb(plan, step, "network")
        rate = seconds / million_values
        print(f"{step:18} {used_mb:5.0f} MB of {asked:5}, {rate:6.2f} core seconds for a million values")
        assert used_mb + SNAKEMAKE_MB < asked
        assert seconds < 60 + cost(step).seconds * million_values
        assert asked < 4 * (used_mb + SNAKEMAKE_MB)


def plan(tmp_path, weights=None, samples=600, **changes):
    (tmp_path / "manifest.csv").write_text("id,path\n" + "".join(f"s{row},a.png\n" for row in range(samples)))
    config = {"experiment": "e", "manifest": str(tmp_path / "manifest.csv"), **changes}
    config["models"] = {"m": {"factory": "torchvision.models:resnet18", "weights": weights}}
    return Plan(complete_config(config, check=False)[0])


def test_estimates_grow_with_shard_batch_targets_weights_and_precision(tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(bytes(100_000_000))
    usual = plan(tmp_path)
    for larger in (
        plan(tmp_path, batch_size=32),
        plan(tmp_path, targets=["predicted", 1], execution="fused"),
        plan(tmp_path, methods=["gradient", "deconvolution", "vargrad", "smoothgrad"], execution="fused"),
        plan(tmp_path, weights=str(weights)),
        plan(tmp_path, precision="float64"),
    ):
        assert memory_mb(larger, "fused", "m") > memory_mb(usual, "fused", "m") + 100
    for longer in (plan(tmp_path, shard_size=512), plan(tmp_path, targets=["predicted", 1])):
        assert minutes(longer, "fused", "m") > minutes(usual, "fused", "m")


def test_steps_without_a_network_ask_for_little(tmp_path):
    # 32 photographs of 3 x 224 x 224 values of 4 bytes are 19 MB: a batch, and one that is read ahead.
    usual = plan(tmp_path)
    assert memory_mb(usual, "predictions", "m") == pytest.approx(800, rel=0.01)
    assert memory_mb(usual, "target_class", "m") <= 804
    assert memory_mb(usual, "predict", "m") > memory_mb(usual, "prepare", "m") == 800 + 58 + 4
    # What a transform of the user's imports is not known.
    own = plan(tmp_path, input={"transform": "torch.nn.functional:pad"})
    assert memory_mb(own, "prepare", "m") == 1400 + 58 + 4
    assert minutes(usual, "target_class", "m") == 10


@pytest.mark.parametrize(
    "step", ["prepare", "predict", "gradcam", "guided_backprop", "guided_gradcam", "fused", "measure"]
)
def test_larger_shards_ask_for_little_more(tmp_path, step):
    """What is whole in memory of 10,000 photographs: scores, classes, and maps on the feature map's grid."""
    usual, large = (plan(tmp_path, samples=10_000, shard_size=size) for size in (256, 10_000))
    assert memory_mb(usual, step, "m") < memory_mb(large, step, "m") < memory_mb(usual, step, "m") + 200
    # Of small samples, files are one chunk.
    small, many = (
        plan(tmp_path, samples=n, shard_size=10_000, input={"crop": 32, "resize": 32}) for n in (256, 10_000)
    )
    assert memory_mb(small, step, "m") + 400 < memory_mb(many, step, "m")


def test_checks_with_a_budget_ask_for_no_more_with_more_samples(tmp_path):
    few, many = plan(tmp_path, samples=300), plan(tmp_path, samples=30_000)
    for check in ("transfer", "degradation"):
        assert memory_mb(many, check, "m") == memory_mb(few, check, "m") < 5000
        assert minutes(many, check, "m") == minutes(few, check, "m")
    # 1.5 billion values at 10 seconds for a million of them.
    assert minutes(many, "transfer", "m") == pytest.approx(10 + 15_000 / 60, rel=0.01)


def test_tables_of_more_samples_ask_for_more(tmp_path):
    small, large = plan(tmp_path), plan(tmp_path, samples=100_000)
    for step in ("predictions", "audit"):
        assert memory_mb(large, step, "m") > memory_mb(small, step, "m") + 500
        assert minutes(large, step, "m") > minutes(small, step, "m")


def volumes(tmp_path, samples, **changes):
    (tmp_path / "manifest.csv").write_text("id,path\n" + "".join(f"s{row},a.nii\n" for row in range(samples)))
    config = {"experiment": "e", "manifest": str(tmp_path / "manifest.csv"), **changes}
    config["input"] = {"mode": "3D", "crop": [182, 218, 182]}
    config["models"] = {"m": {"factory": "monai.networks.nets:resnet18"}}
    return Plan(complete_config(config, check=False)[0])


def test_defaults_for_scans_fit_an_ordinary_computer(tmp_path):
    """Of 182 x 218 x 182 voxels, which are 28.9 MB: with 256 in a shard and 16 in a batch, jobs asked for 185 GB."""
    for samples in (10, 256, 3000):
        found = volumes(tmp_path, samples)
        assert (found.shard_size, found.config["batch_size"]) == (4, 1)
        steps = ["prepare", "predict", "gradcam", "guided_backprop", "guided_gradcam", "fused", "plot"]
        assert max(memory_mb(found, step, "m") for step in steps) < 12_000
        assert memory_cautions(found, 16_000) == []


def test_sizes_are_those_of_the_rows_that_there_are(tmp_path):
    asked = {"shard_size": 256, "batch_size": 16}
    ten, many = volumes(tmp_path, 10, **asked), volumes(tmp_path, 256, **asked)
    assert memory_mb(ten, "prepare", "m") < 2000 < 3000 < memory_mb(many, "prepare", "m") < 4000
    assert memory_mb(volumes(tmp_path, 2, **asked), "fused", "m") < memory_mb(ten, "fused", "m") / 3
    assert minutes(ten, "predict", "m") < minutes(many, "predict", "m")


def test_a_job_that_wants_more_than_the_machine_has_is_warned_of(tmp_path):
    (line,) = memory_cautions(volumes(tmp_path, 300, shard_size=256, batch_size=16), 16_000)
    assert line.startswith("models.m: a job of rule ")
    assert "this machine has 16 GB: set batch_size below 16, unless" in line
    fused = volumes(tmp_path, 1, execution="fused", shard_size=1, batch_size=1)
    (line,) = memory_cautions(fused, 4000)
    assert "rule fused" in line
    assert "set a smaller input.crop" in line


@pytest.mark.parametrize(
    ("shape", "shard", "batch"),
    [
        ({"crop": 224}, 256, 16),
        ({"crop": 512}, 256, 16),
        ({"mode": "3D", "crop": 96}, 256, 16),
        ({"mode": "3D", "crop": 128}, "auto", 4),
    ],
)
def test_sizes_without_keys(tmp_path, shape, shard, batch):
    config = {"experiment": "e", "manifest": "m.csv", "input": shape, "models": {"m": {"factory": "a:b"}}}
    completed, problems = complete_config(config, check=False)
    assert problems == []
    assert (completed["shard_size"], completed["batch_size"]) == (shard, batch)
    again, _ = complete_config(completed, check=False)
    assert (again["shard_size"], again["batch_size"]) == (shard, batch)


def test_jobs_ask_for_a_gpu_where_they_will_use_one(tmp_path, monkeypatch):
    monkeypatch.setattr("saliency.experiment.resources.DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices = ("auto", "cpu", "cuda", "cuda:1")
    (tmp_path / "nvidiactl").touch()
    assert [gpus({"device": name}) for name in devices] == [0, 0, 1, 1]
    (tmp_path / "nvidia0").touch()
    assert [gpus({"device": name}) for name in devices] == [1, 0, 1, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus({"device": "auto"}) == 0


def test_every_rule_that_runs_elsewhere_asks_for_memory_and_time():
    rules = Path(__file__).parents[2] / "workflow" / "rules"
    bodies = [
        body for path in rules.glob("*.smk") for body in re.split(r"^\s*rule\b", path.read_text(), flags=re.M)[1:]
    ]
    elsewhere = [body for body in bodies if "localrule: True" not in body]
    assert len(elsewhere) > 20
    for body in elsewhere:
        assert re.search(r"mem_mb=memory\(.+\),\n\s+runtime=runtime\(.+\)", body), body


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in STEPS if not STEPS[name].torch and (SCRIPTS / f"{name}.py").is_file()]
)
def test_a_step_that_asks_for_no_memory_for_torch_does_not_import_it(name):
    script = ast.parse((SCRIPTS / f"{name}.py").read_text(encoding="utf-8"))
    imports = [ast.unparse(node) for node in ast.walk(script) if isinstance(node, ast.ImportFrom)]
    code = "\n".join([*imports, "import sys", "print('torch' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
