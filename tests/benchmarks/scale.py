"""Time per image and peak memory of each job, at 100, 1,000 and 10,000 images of CIFAR's size.

    python -m tests.benchmarks.scale --plot docs/speed.svg

Images of noise, a network of two convolutions, shards of 500. Each kind of job runs as a program of its own, which does
what the workflow's script does; shards follow each other in one program, whose memory would grow if anything was kept.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import NETWORK, ROOT, Project

SHARD_SIZE = 500
STEPS = ["models", "fused", "zarr_metadata", "predictions", "errors", "provenance"]


def job(step: str) -> None:
    """Do what the workflow's jobs of a rule do, in the working directory."""
    from saliency.experiment.plan import Plan
    from saliency.experiment.validation import complete_config
    from saliency.files.atomic_files import write_json
    from saliency.steps.failures import write_errors
    from saliency.steps.predictions import write_predictions
    from saliency.store.layout import write_metadata
    from saliency.store.provenance import provenance

    config, _ = complete_config(Project(Path()).config, check=False)
    plan, results = Plan(config), Path("results/test")
    store, descriptions = results / "tiny.zarr", [results / "tiny/model.json", results / "tiny/target_layer.json"]
    table = results / "tiny/predictions.csv"
    match step:
        case "models":
            from saliency.networks.describe import write_descriptions

            write_descriptions(config, "tiny", dict(zip(("model", "target_layer"), descriptions, strict=True)))
        case "fused":
            from saliency.steps.fused import fused
            from tests.helpers.shards import stored_shard

            for shard in plan.shards:
                fused(stored_shard(config, "tiny", shard, store, descriptions))
        case "zarr_metadata":
            write_metadata(plan, "tiny", store, descriptions)
        case "predictions":
            from tests.helpers.shards import files_of_shards

            files = files_of_shards(plan, store, "predicted")
            write_predictions(config, "tiny", files["status"], files["logits"], descriptions[0], table)
        case "errors":
            write_errors(config, {"tiny": table}, {"tiny": descriptions[0]}, results / "errors.csv")
        case "provenance":
            write_json(provenance(config, [[path] for path in descriptions]), results / "provenance.json")


def measure(folder: Path, count: int) -> dict[str, object]:
    project = Project.create(folder, samples=0)
    generator = np.random.default_rng(0)
    for number in range(count):
        pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(project.image(number), compress_level=1)
    rows = [f"s{number},s{number}.png,{number % 5}" for number in range(count)]
    project.manifest.write_text("\n".join(["id,path,label", *rows]) + "\n")
    (folder / "tiny_network.py").write_text(NETWORK)
    project.write_config(
        input={"resize": 32, "crop": 32}, shard_size=SHARD_SIZE, batch_size=100, execution="fused", plots={"count": 0}
    )
    row: dict[str, object] = {"images": count}
    for step in STEPS:
        command = [sys.executable, "-m", "tests.benchmarks.scale", "--step", step]
        environment = {**project.environment(), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=folder, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{step} failed")
        row[f"{step} MB"] = used.ru_maxrss / 1024
        if step == "fused":
            row["fused, processor ms an image"] = 1000 * (used.ru_utime + used.ru_stime) / count
    files = [path for path in project.results.rglob("*") if path.is_file()]
    row["files"], row["KB an image"] = len(files), sum(path.stat().st_size for path in files) / 1000 / count
    return row


def draw(table: pd.DataFrame, output: Path) -> None:
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for step in STEPS:
        axes.plot(table["images"], table[f"{step} MB"], marker="o", label=step)
    axes.set(xscale="log", xlabel="images", ylabel="peak memory of a job, MB", ylim=(0, None))
    axes.legend(fontsize=8)
    figure.savefig(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="+", type=int, default=[100, 1000, 10_000])
    parser.add_argument("--output", type=Path, default=Path("scale.json"))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        job(arguments.step)
        return
    rows = []
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(Path(folder), count))
        arguments.output.write_text(json.dumps(rows, indent=1))
    table = pd.DataFrame(rows)
    print(markdown(table.round(1)))
    if arguments.plot:
        draw(table, arguments.plot)


if __name__ == "__main__":
    main()
