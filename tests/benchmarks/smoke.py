"""Run every benchmark on next to nothing: whether each still works, not what it measures.

python -m tests.benchmarks.smoke

Three ask for data or for minutes whatever their arguments are, and are only imported.
"""

import importlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skimage.data
from PIL import Image

from tests.helpers.workflow_project import ROOT

# "PHOTOGRAPHS" stands for a folder of photographs, "OUTPUT" for a file.
SMALL = {
    "audit_scale": ["200"],
    "compilation": ["--models", "resnet18", "--batch", "1", "--repeats", "1"],
    "compression": ["--images", "PHOTOGRAPHS", "--count", "2"],
    "dag": ["--shards", "10", "--outputs", "1"],
    "decoding": ["--images", "PHOTOGRAPHS", "--count", "2"],
    "end_to_end": ["--images", "PHOTOGRAPHS", "--repeats", "1", "--shard-sizes", "4"],
    "first_convolutions": [],
    "imports": ["--scripts", "predict", "--repeats", "1"],
    "process_settings": ["--batch", "2", "--repeats", "1"],
    "profile_steps": ["--images", "PHOTOGRAPHS"],
    "reduced_precision": ["--models", "resnet18", "--batch", "1", "--repeats", "1"],
    "report": ["--samples", "20", "--repeats", "1"],
    "scale": ["--counts", "5", "--output", "OUTPUT"],
    "shortcut": ["--seeds", "0", "1", "--shares", "0.9", "--positions", "centre"],
    "speed": ["--models", "resnet18", "--batches", "1", "--repeats", "1", "--output", "OUTPUT"],
}
IMPORTED = ("economics", "processors", "real_data")
# Modules that a benchmark needs beside those of the tests.
OTHERS = {
    **dict.fromkeys(("compilation", "process_settings", "reduced_precision", "speed"), "pytorch_grad_cam"),
    "shortcut": "sklearn",
}
SECONDS = 300


def main() -> None:
    """Print a line for each; exit with 1 if one fails."""
    known = {*SMALL, *IMPORTED, "__init__", "markdown", "peers", "smoke"}
    failed = [
        f"{path.stem} is not in smoke.py" for path in Path(__file__).parent.glob("*.py") if path.stem not in known
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for photograph in ("astronaut", "chelsea", "coffee", "rocket"):
            Image.fromarray(getattr(skimage.data, photograph)()).save(folder / f"{photograph}.jpg")
        for benchmark, arguments in SMALL.items():
            missing = OTHERS.get(benchmark)
            if missing and not importlib.util.find_spec(missing):
                print(f"{benchmark}: not run: pip install -e '.[benchmark]' brings {missing}", flush=True)
                continue
            places = {"PHOTOGRAPHS": str(folder), "OUTPUT": str(folder / f"{benchmark}.json")}
            command = [sys.executable, "-m", f"tests.benchmarks.{benchmark}", *(places.get(a, a) for a in arguments)]
            began = time.monotonic()
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
            print(f"{benchmark}: {time.monotonic() - began:.0f} s", flush=True)
            if done.returncode:
                failed.append(f"{benchmark} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    for benchmark in IMPORTED:
        importlib.import_module(f"tests.benchmarks.{benchmark}")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
