"""How long the library takes, beside other libraries and beside the forward pass alone.

    python -m tests.benchmarks.speed
    python -m tests.benchmarks.speed --models resnet18 --batches 8 --repeats 5

Every tool gets the same model and batch, and explains the same class. Results are compared first; then rounds follow in
which everything runs once, and each time is divided by that of a forward pass right before it, under inference mode and
in the faster memory format: other programs slow a machine for seconds at a time. Printed are medians over the rounds,
on the CPU of processor time; the JSON file has wall time as well. Models and batches that the file has already are not
run again.
"""

import argparse
import contextlib
import copy
import gc
import io
import json
import statistics
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from saliency import GradCAM
from tests.benchmarks.markdown import markdown
from tests.benchmarks.networks import MODELS, SHAPES, explained_class, forward, noise, timed
from tests.benchmarks.peers import scaled, tools
from tests.helpers.networks import torchvision_model

# Other libraries guide neither ReLU6 nor ReLU that is called as a function; what differs by more is marked.
LARGEST = {"gradcam": 1e-4, "guided_backprop": 1e-3}

OUTPUTS = {
    "predictions": "Predictions",
    "gradcam": "Grad-CAM",
    "guided_backprop": "Guided Backpropagation",
    "four": "Predictions, both maps and their product",
}


def difference(found: object, expected: Tensor, size: tuple[int, ...]) -> float:
    """Largest difference, relative to the largest value."""
    found = found.detach().cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)
    wanted = expected.numpy() if found.shape == expected.shape else scaled(expected, size)
    if found.shape != wanted.shape:
        return float("nan")
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def measure(
    name: str,
    batch: int,
    repeats: int,
    contiguous: bool,
    device: str,
    wanted: list[str] | None,
    outputs: list[str],
) -> list[dict[str, object]]:
    plain = torchvision_model(name).to(device)
    last = copy.deepcopy(plain)
    ndim = len(SHAPES.get(name, (3, 224, 224))) + 1
    for weight in last.parameters():
        if weight.ndim == ndim:
            weight.data = weight.data.contiguous(
                memory_format=torch.channels_last if ndim == 4 else torch.channels_last_3d
            )
    x = noise(name, batch, device)
    model: nn.Module = plain if contiguous else last
    (layer,) = GradCAM(model).target_layers(x)
    target = explained_class(model, x)
    found = tools(model, layer, x, target)
    reference = {what: found["ours"][what]().cpu() for what in LARGEST}
    jobs: dict[tuple[str, str], Callable[[], object]] = {}
    rows = []
    for tool, functions in found.items():
        if wanted and tool.partition(",")[0] not in ("ours", *wanted):
            continue
        for what, work in functions.items():
            if what not in outputs:
                continue
            row = {"model": name, "batch": batch, "layer": layer, "class": target, "tool": tool, "output": what}
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    values = work()
                maps = values if what == "four" else {what: values}
                row["differs"] = {
                    each: difference(maps[each], reference[each], tuple(x.shape[2:]))
                    for each in LARGEST
                    if each in maps
                }
                row["equal"] = all(value <= LARGEST[each] for each, value in row["differs"].items())
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {error}".splitlines()[0][:80]
            else:
                jobs[tool, what] = work
            rows.append(row)
    forwards = [[timed(lambda m=each: forward(m, x)) for each in (plain, last)] for _ in range(1 + repeats)][1:]
    clock = 1 if device == "cpu" else 0
    best = min((0, 1), key=lambda index: statistics.median(pair[index][clock] for pair in forwards))
    fastest = (plain, last)[best]
    times: dict[tuple[str, str], list[list[tuple[float, float]]]] = {key: [] for key in jobs}
    for _ in range(repeats):
        for key, work in jobs.items():
            times[key].append([timed(lambda: forward(fastest, x)), timed(work)])
        gc.collect()
    for row in rows:
        done = times.get((row["tool"], row["output"]))
        if done:
            for index, clock in enumerate(("wall", "cpu")):
                row[f"{clock}_s"] = statistics.median(own[index] for _, own in done)
                row[f"{clock}_ratio"] = statistics.median(own[index] / base[index] for base, own in done)
    for index, label in enumerate(("contiguous", "channels last")):
        wall, cpu = ([pair[index][clock] for pair in forwards] for clock in (0, 1))
        rows.append(
            {
                **{"model": name, "batch": batch, "tool": "forward pass", "output": label, "equal": True},
                **{"wall_s": statistics.median(wall), "cpu_s": statistics.median(cpu)},
                "cpu_ratio": statistics.median(one / pair[best][1] for one, pair in zip(cpu, forwards, strict=True)),
                "wall_ratio": statistics.median(one / pair[best][0] for one, pair in zip(wall, forwards, strict=True)),
            }
        )
    return rows


def show(table: pd.DataFrame, ratio: str) -> str:
    """Ratios to the forward pass, one line for each model and batch."""
    table["ratio"] = table[ratio]
    parts = []
    for what, heading in OUTPUTS.items():
        part = table[(table["output"] == what) & table["ratio"].notna()].copy()
        if part.empty:
            continue
        part["text"] = part["ratio"].map("{:.2f}".format) + part["equal"].map({True: "", False: " *"})
        wide = part.pivot_table(index=["model", "batch"], columns="tool", values="text", aggfunc="first", sort=False)
        parts.append(
            f"{heading}, times the forward pass (*: the result differs)\n\n{markdown(wide.reset_index().fillna(''))}"
        )
    fours = table[table["output"] == "four"].pivot_table(index=["model", "batch"], columns="tool", values="ratio")
    lines = [
        f"{tool}: four outputs take {(fours[tool] / fours['ours']).median():.2f} times as long as ours (fused), median"
        for tool in fours
        if tool not in ("ours", "ours, in steps")
    ]
    return "\n\n".join(parts) + "\n\n" + "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tools", nargs="+", help="beside ours; all where left out")
    parser.add_argument("--outputs", nargs="+", default=list(OUTPUTS), choices=OUTPUTS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="times are wall times on cuda")
    parser.add_argument("--contiguous", action="store_true", help="all tools with channels first in memory")
    parser.add_argument("--merge", nargs="+", type=Path, default=[], help="JSON files of other runs, shown as well")
    parser.add_argument("--output", type=Path, default=Path("speed.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    rows = json.loads(arguments.output.read_text()) if arguments.output.exists() else []
    rows += [row for path in arguments.merge for row in json.loads(path.read_text())]
    for name in arguments.models:
        for batch in arguments.batches:
            if any(row["model"] == name and row["batch"] == batch for row in rows):
                continue
            rows += measure(
                name,
                batch,
                arguments.repeats,
                arguments.contiguous,
                arguments.device,
                arguments.tools,
                arguments.outputs,
            )
            arguments.output.write_text(json.dumps(rows, indent=1))
            print(f"{name}, batch {batch}: done", file=sys.stderr, flush=True)
    print(show(pd.DataFrame(rows), "cpu_ratio" if arguments.device == "cpu" else "wall_ratio"))


if __name__ == "__main__":
    main()
