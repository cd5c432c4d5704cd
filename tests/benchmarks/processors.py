"""How far results differ between kinds of processors, shown by asking the libraries for older instruction sets.

    python -m tests.benchmarks.processors

Computes the maps of the demo's photographs with EfficientNet-Lite0, once with everything that this processor has, and
once as on processors without AVX-512 and without AVX2; prints the largest differences, relative to each sample's
largest value.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).parents[2]
PROCESSORS = {
    "without AVX-512": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "without AVX2": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
}


def compute(output: Path, count: int | None) -> None:
    import torch

    from saliency import GuidedGradCAM
    from saliency.experiment.config import input_config
    from saliency.experiment.plan import Plan
    from saliency.experiment.validation import complete_config
    from saliency.networks.load import load_model
    from saliency.readers.samples import preprocessing_of, read_sample

    torch.set_num_threads(1)
    config, _ = complete_config(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    (model,) = config["models"]
    settings, plan = input_config(config, model), Plan(config)
    read = preprocessing_of(settings)
    x = np.stack([read_sample(read, files)["inputs"] for files in plan.files(plan.samples[:count], model)])
    x = (torch.from_numpy(x) - settings["mean"][0]) / settings["std"][0]
    entry = config["models"][model]
    explainer = GuidedGradCAM(load_model(entry["factory"], entry["kwargs"], entry["weights"]))
    with explainer.forward_pass(x) as forward:
        maps = forward.maps(forward.scores.argmax(1))
    np.savez(output, logits=forward.scores, **maps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="only so many of the photographs")
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.output:
        compute(arguments.output, arguments.count)
        return
    count = [] if arguments.count is None else ["--count", str(arguments.count)]
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, environment in {"all": {}, **PROCESSORS}.items():
            path = Path(folder, "maps.npz")
            command = [sys.executable, "-m", "tests.benchmarks.processors", "--output", str(path), *count]
            subprocess.run(command, env=os.environ | environment, check=True, cwd=ROOT)
            with np.load(path) as arrays:
                found[name] = dict(arrays)
    for name in PROCESSORS:
        differences = {}
        for array, values in found["all"].items():
            flat, other = (found[run][array].reshape(len(values), -1).astype(np.float64) for run in ("all", name))
            differences[array] = float((np.abs(flat - other).max(1) / np.abs(flat).max(1)).max())
        shown = {array: f"{value:.1e}" for array, value in differences.items()}
        same = (found["all"]["logits"].argmax(1) == found[name]["logits"].argmax(1)).all()
        print(f"{name}: {json.dumps(shown)}, same classes: {same}")


if __name__ == "__main__":
    main()
