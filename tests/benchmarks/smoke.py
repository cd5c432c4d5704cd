"""Run every benchmark at the smallest size it takes: whether each still works, not what it measures.

python -m tests.benchmarks.smoke
python -m tests.benchmarks.smoke scale report

One line for each, with its seconds. A benchmark that needs what this machine has not is skipped, with the reason; one
that fails shows the end of its output, and the others run all the same.
"""

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.workflow_project import ROOT, Project

# "PHOTOGRAPHS" stands for a folder of photographs, "DATA" for one of data sets, "PROJECT" for a small experiment, and
# "OUTPUT" for a file or a folder.
COMMANDS = {
    "audit_scale": ["200"],
    "checks_scale": ["60"],
    "compilation": ["--models", "resnet18", "--batch", "1", "--repeats", "1"],
    "compression": ["--images", "PHOTOGRAPHS", "--count", "2"],
    "dag": ["--shards", "10", "--outputs", "1"],
    "decoding": ["--images", "PHOTOGRAPHS", "--count", "2"],
    "economics": ["--count", "1", "--shards", "10", "--samples", "100", "--manifest", "1000"],
    "end_to_end": ["--images", "PHOTOGRAPHS", "--repeats", "1", "--shard-sizes", "4"],
    "first_convolutions": [],
    "imports": ["--scripts", "predict", "--repeats", "1"],
    "methods": ["--models", "resnet18", "--batch", "1", "--repeats", "1"],
    "pipeline": ["--counts", "4", "8", "--device-ms", "0", "--threads", "1", "--repeats", "1"],
    "planted": ["--images", "PHOTOGRAPHS", "--seeds", "0", "--kinds", "none", "--epochs", "1"],
    "process_settings": ["--batch", "1", "--repeats", "1"],
    "processors": ["--count", "1"],
    "profile_steps": ["--images", "PHOTOGRAPHS"],
    "reading": ["--repeats", "1", "--side", "16"],
    "real_data": ["kangaroo", "--data", "DATA", "--folder", "OUTPUT"],
    "reduced_precision": ["--models", "resnet18", "--precisions", "bfloat16", "--batch", "1", "--repeats", "1"],
    "report": ["--samples", "20", "--repeats", "1"],
    "resources": ["--configfile", "config.yaml", "--directory", "PROJECT"],
    "scale": ["--counts", "5", "--output", "OUTPUT"],
    "shard_memory": ["--photographs", "2", "--volumes", "1"],
    "shortcut": ["--seeds", "0", "1", "--shares", "0.9", "--positions", "centre"],
    "speed": ["--models", "resnet18", "--batches", "1", "--repeats", "1", "--output", "OUTPUT"],
}
# None takes as long where nothing is wrong.
SECONDS = 540
VOC = "<annotation><bndbox><xmin>20</xmin><ymin>30</ymin><xmax>120</xmax><ymax>200</ymax></bndbox></annotation>"


def no_compiler() -> str:
    """Why torch.compile cannot work; "" where it can."""
    return "" if shutil.which("g++") or shutil.which("clang++") else "no C++ compiler: install g++"


def no_chromium() -> str:
    """Why no page can be opened; "" where it can."""
    from playwright.sync_api import sync_playwright

    from tests.helpers.report_browser import chromium

    with sync_playwright() as playwright:
        return "" if chromium(playwright) else "no Chromium: install chromium or run `playwright install chromium`"


def no_peers() -> str:
    """Which of the other libraries is missing; "" for none."""
    missing = [name for name in ("pytorch_grad_cam", "torchcam") if not importlib.util.find_spec(name)]
    return f"no {', '.join(missing)}: run `pip install -e '.[test]'`" if missing else ""


MISSING: dict[str, Callable[[], str]] = {
    "compilation": no_compiler,
    "methods": no_peers,
    "report": no_chromium,
    "speed": no_peers,
}


def write_data(folder: Path) -> dict[str, Path]:
    """Make what benchmarks read, of random pixels; folders by the words that stand for them in `COMMANDS`."""
    generator = np.random.default_rng(0)
    photographs, kangaroo = folder / "photographs", folder / "data" / "kangaroo"
    for place in (photographs, kangaroo / "images", kangaroo / "annots"):
        place.mkdir(parents=True)
    for number in range(3):
        coarse = Image.fromarray(generator.integers(0, 256, (15, 20, 3), dtype=np.uint8))
        for place in (photographs, kangaroo / "images"):
            coarse.resize((320, 240)).save(place / f"{number}.jpg")
        (kangaroo / "annots" / f"{number}.xml").write_text(VOC)
    labels = [f"{number}.jpg,{label}" for number in range(3) for label in (7, 151, 269, 398)]
    (photographs / "labels.csv").write_text("\n".join(["file,label", *labels]) + "\n")
    project = Project.create(folder / "project", samples=2)
    return {"PHOTOGRAPHS": photographs, "DATA": folder / "data", "PROJECT": project.folder}


def run(command: list[str]) -> tuple[int, str]:
    """Exit code and output of a command; whatever it started is ended with it."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return 1, f"{output}\nit did not end within {SECONDS} s"
    return process.returncode, output


def smoke(benchmark: str, places: dict[str, Path]) -> bool:
    """Run a benchmark and print its line; whether it works, or cannot be run here."""
    if reason := MISSING.get(benchmark, str)():
        print(f"{benchmark}: skipped: {reason}", flush=True)
        return True
    arguments = [str(places.get(argument, argument)) for argument in COMMANDS[benchmark]]
    began = time.monotonic()
    code, output = run([sys.executable, "-m", f"tests.benchmarks.{benchmark}", *arguments])
    line = f"{benchmark}: {time.monotonic() - began:.0f} s"
    print(f"{line}, failed\n{output[-3000:]}" if code else line, flush=True)
    return code == 0


def main() -> None:
    """Exit with 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", help="all where left out")
    parser.add_argument("--at-once", type=int, default=2, help="programs; most use one core")
    arguments = parser.parse_args()
    wanted = arguments.benchmarks or list(COMMANDS)
    if unknown := sorted(set(wanted) - set(COMMANDS)):
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(COMMANDS)}")
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(arguments.at_once) as pool:
        places = write_data(Path(name))
        work = [pool.submit(smoke, each, {**places, "OUTPUT": Path(name, each)}) for each in wanted]
        failed = [each for each, one in zip(wanted, work, strict=True) if not one.result()]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
