"""Time, memory and pictures that the network sees, of what an audit does beside the maps, by number of samples.

python -m tests.benchmarks.checks_scale 300 3000 30000

The samples are pictures of noise, 32 x 32, of ten classes that their brightness tells, and the network is a small one:
its passes cost next to nothing, what grows with the samples shows. Each step runs in a process of its own; memory is
that of the whole process, of which importing torch is half a GB. "pictures" are those that the network sees.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from saliency.experiment.config import Config
from saliency.experiment.validation import complete_config

CLASSES, SIDE = 10, 32
STEPS = ("facts", "facts_test", "duplicates", "transfer", "degradation")
NETWORK = f"""
import torch
from torch import nn


class Bright(nn.Module):
    \"\"\"The class by the mean, in equal steps.\"\"\"

    def __init__(self):
        super().__init__()
        self.same = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.same.weight, 1 / 3)

    def forward(self, x):
        mean = torch.relu(self.same(x)).mean((1, 2, 3))
        return -100 * (mean[:, None] - (torch.arange({CLASSES}) + 0.5) / {CLASSES}) ** 2
"""


def experiment() -> Config:
    """The config, of the working directory."""
    sys.path.insert(0, ".")
    config, problems = complete_config(
        {
            "experiment": "scale",
            "manifest": "manifest.csv",
            "shard_size": 250,
            "input": {"resize": None, "crop": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1]},
            "models": {"bright": {"factory": "bright:Bright"}},
            "targets": ["predicted"],
            "methods": ["gradcam"],
            "execution": "fused",
        }
    )
    if problems:
        raise SystemExit("\n".join(problems))
    return config


def make(samples: int) -> None:
    """Write the pictures, and what checks read, to the working directory."""
    from tests.helpers.shards import fused_store

    rng = np.random.default_rng(0)
    labels = np.arange(samples) % CLASSES
    for number, label in enumerate(labels):
        low, high = 256 * label // CLASSES, 256 * (label + 1) // CLASSES
        Image.fromarray(rng.integers(low, high, (SIDE, SIDE, 3), dtype=np.uint8)).save(f"{number}.png")
    names = [f"s{number}" for number in range(samples)]
    manifest = pd.DataFrame({"id": names, "path": [f"{number}.png" for number in range(samples)], "label": labels})
    manifest.assign(split=np.where(rng.random(samples) < 0.5, "a", "b")).to_csv("manifest.csv", index=False)
    Path("bright.py").write_text(NETWORK)
    fused_store(experiment(), "bright", Path("store"), Path())
    table = manifest[["id", "label"]].assign(predicted_class=labels, probability=1.0, correct=True, status="ok")
    table.to_csv("predictions.csv", index=False)


def run(step: str) -> None:
    """Do one step in the working directory; print seconds, peak memory and evaluations."""
    from saliency.audit.checks.check import CheckJob
    from saliency.audit.checks.registered import checks
    from saliency.audit.leakage.fact_table import write_facts
    from saliency.audit.leakage.files import write_duplicates, write_facts_test
    from saliency.audit.probes.predictions import Predictions
    from saliency.experiment.plan import Plan
    from tests.helpers.shards import files_of_shards

    config = experiment()
    plan = Plan(config)
    facts = [Path(f"facts{number}.csv") for number in plan.shards]
    seen, scores_of = [0], Predictions.scores_of

    def counted(predictions: Predictions, pictures: np.ndarray) -> np.ndarray:
        seen[0] += len(pictures)
        return scores_of(predictions, pictures)

    Predictions.scores_of = counted
    began = time.perf_counter()
    if step == "facts":
        for number, path in zip(plan.shards, facts, strict=True):
            write_facts(config, number, path)
    elif step == "facts_test":
        write_facts_test(config, facts, Path("predictions.csv"), Path("facts_test.csv"))
    elif step == "duplicates":
        write_duplicates(config, facts, Path("duplicates.csv"))
    else:
        names = (*checks()[step].tables, "pictures", "figure")
        outputs = {name: Path(f"{step}.{name}" if name != "figure" else f"{step}.png") for name in names}
        files = files_of_shards(plan, Path("store"), "predicted")
        checks()[step].write(
            CheckJob(config, "bright", "", files, [Path("model.json"), Path("target_layer.json")], outputs)
        )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"| {len(plan.samples)} | {step} | {seen[0]} | {seconds:.1f} | {peak:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=int, nargs="*", default=[300, 3000, 30000])
    parser.add_argument("--step", choices=[*STEPS, "make"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "make":
        make(*arguments.samples)
    elif arguments.step:
        run(arguments.step)
    else:
        print("| samples | step | pictures | seconds | MB |\n| --- | --- | --- | --- | --- |")
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        for samples in arguments.samples:
            with tempfile.TemporaryDirectory() as folder:
                for step in ("make", *STEPS):
                    command = [sys.executable, "-m", "tests.benchmarks.checks_scale", str(samples), "--step", step]
                    subprocess.run(command, cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
