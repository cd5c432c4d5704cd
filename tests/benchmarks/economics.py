"""What experiments of 10,000 to a million photographs cost on Slurm, and how large their shards should be.

    python -m tests.benchmarks.economics

Small runs of the demo's network on its photographs, here and without Slurm, give what a sample and a shard take: core
seconds, bytes, files, jobs; dry runs give what planning takes. Larger experiments are extrapolated from these. What
only a Slurm shows stands in the constants below, with the command that measures it.
"""

import argparse
import csv
import math
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from saliency.experiment.plan import Plan
from saliency.experiment.sources import Sources
from saliency.experiment.validation import complete_config
from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import ROOT, Project

# Of `PYTHONPATH=tests python tests/slurm/many_shards.py 300`: core seconds of a job beside its own work, on its node
# and where Snakemake runs; milliseconds of slurmctld for the nine requests of a job, without those that ask for states.
NODE_SECONDS, LOGIN_SECONDS, CONTROLLER_MS = 7.9, 0.9, 12
# They run where Snakemake runs.
LOCAL_RULES = ("all", "zarr_metadata", "errors", "provenance", "report_page")
# Python processes of a job that read the manifest: two Snakemakes and the script.
READERS = 3
SAMPLES = (10_000, 100_000, 1_000_000)
SHARD_SIZES = (64, "auto", 256, 1024)
# Advice is for so many core seconds a sample: thumbnails, photographs, photographs with a large network, volumes.
SAMPLE_SECONDS = (0.01, 0.1, 0.5, 10)
ADVISED_OVERHEAD = 0.05


@dataclass
class Run:
    """What a run took: core seconds of all processes, jobs for Slurm, files in results/ and in .snakemake/, bytes."""

    core_seconds: float
    jobs: int
    files: int
    records: int
    stored: int


def experiment(folder: Path, samples: int, shard_size: int | str) -> Project:
    """The demo's photographs, again and again, for one target; the defaults otherwise, with audit and report."""
    project = Project.create(folder, samples=0)
    with (ROOT / "config/photographs.csv").open() as file:
        photographs = list(csv.DictReader(file))
    chosen = [photographs[number % len(photographs)] for number in range(samples)]
    rows = [f"s{number},{row['path']},{row['label']}" for number, row in enumerate(chosen)]
    project.manifest.write_text("\n".join(["id,path,label", *rows]) + "\n")
    demo = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    models = {name: {**model, "class_names": None} for name, model in demo["models"].items()}
    config = {
        "experiment": "test",
        "manifest": "data/manifest.csv",
        "input": demo["input"],
        "models": models,
        "shard_size": shard_size,
        "execution": "fused",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return project


def used(command: list[str], project: Project) -> tuple[float, str]:
    """Core seconds of a command and of all processes that it waited for, and what it printed."""
    before = os.times()
    done = subprocess.run(command, cwd=project.folder, env=project.environment(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, done.stdout + done.stderr


def run(folder: Path, samples: int, shard_size: int, *arguments: str) -> Run:
    project = experiment(folder, samples, shard_size)
    seconds, output = used(project.command(*arguments), project)
    results = list((project.folder / "results").rglob("*"))
    planned = dict(re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE))
    return Run(
        seconds,
        sum(int(count) for rule, count in planned.items() if rule not in ("total", *LOCAL_RULES)),
        len(results),
        len(list((project.folder / ".snakemake").rglob("*"))),
        sum(path.stat().st_size for path in results if path.is_file()),
    )


def planning(folder: Path, samples: int, shard_size: int) -> float:
    """Core seconds of a dry run."""
    project = experiment(folder, samples, shard_size)
    return used(project.command("--dry-run", "--quiet"), project)[0]


def reading(folder: Path, samples: int) -> tuple[int, float]:
    """The size of a shard that is `auto`; core seconds of a job, for each sample of the manifest, to know its own."""
    project = experiment(folder, samples, "auto")
    config, _ = complete_config(project.config, check=False)
    os.chdir(project.folder)
    begin = time.process_time()
    plan = Plan(config)
    Sources(plan).made_files(plan.models[0], 0)
    return plan.shard_size, READERS * (time.process_time() - begin) / samples


def shard_files(few: Run, many: Run, shards: int) -> pd.DataFrame:
    """What `many` has more than `few`, for each of as many further shards; and what would be there without any."""
    kinds = ["jobs", "files", "records"]
    each = pd.Series({kind: (getattr(many, kind) - getattr(few, kind)) / shards for kind in kinds})
    return pd.DataFrame({"each shard": each, "all else": [getattr(few, kind) for kind in kinds] - each})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8, help="small runs have 3 and 12 times as many samples")
    parser.add_argument("--shards", type=int, default=2000, help="of a dry run whose shards have one sample")
    parser.add_argument("--samples", type=int, default=20_000, help="of a dry run with one shard")
    parser.add_argument("--manifest", type=int, default=200_000, help="rows of the manifest that is read")
    arguments = parser.parse_args()
    few, most = 3 * arguments.count, 12 * arguments.count
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, many = run(folder / "one", few, few), run(folder / "many", few, arguments.count)
        larger = run(folder / "larger", most, most)
        database = run(folder / "database", few, few, "--persistence-backend", "db")
        sizes = [(10, 10), (arguments.shards, 1), (arguments.samples, arguments.samples)]
        plans = [planning(folder / f"plan{number}", *size) for number, size in enumerate(sizes)]
        auto, read = reading(folder / "manifest", arguments.manifest)
    counts = shard_files(one, many, shards=2)
    sample_seconds = (larger.core_seconds - one.core_seconds) / (most - few)
    sample_bytes = (larger.stored - one.stored) / (most - few)
    plan_sample = (plans[2] - plans[0]) / arguments.samples
    plan_shard = (plans[1] - plans[0]) / arguments.shards - plan_sample
    print(f"a sample: {sample_seconds:.2f} core seconds, {sample_bytes / 1e6:.2f} MB\n")
    print(markdown(counts.rename_axis("").reset_index()))
    print(f"\nplanning: {plans[0]:.1f} s, {1000 * plan_shard:.1f} ms a shard, {1000 * plan_sample:.3f} ms a sample")
    print(f"of each job, for each sample of the manifest: {1e6 * read:.0f} us")
    print(f"in .snakemake/ of one shard: {one.records}, with --persistence-backend db {database.records}\n")
    rows, advice = [], []
    for samples in SAMPLES:
        job_seconds = NODE_SECONDS + LOGIN_SECONDS + samples * read
        for wanted in SHARD_SIZES:
            size = auto if wanted == "auto" else wanted
            shards = -(-samples // size)
            total = counts["each shard"] * shards + counts["all else"]
            work, overhead = samples * sample_seconds / 3600, total["jobs"] * job_seconds / 3600
            rows.append(
                {
                    "samples": f"{samples:,}",
                    "shard_size": f"auto: {size}" if wanted == "auto" else size,
                    "jobs": f"{total['jobs']:,.0f}",
                    "in results/": f"{total['files']:,.0f}",
                    "in .snakemake/": f"{total['records']:,.0f}",
                    "GB": round(samples * sample_bytes / 1e9),
                    "planning, min": round((plans[0] + plan_shard * shards + plan_sample * samples) / 60, 1),
                    "slurmctld, s": round(total["jobs"] * CONTROLLER_MS / 1000),
                    "work, core h": round(work, 1),
                    "overhead, core h": round(overhead, 1),
                    "overhead": f"{overhead / (work + overhead):.0%}",
                }
            )
        for seconds in SAMPLE_SECONDS:
            enough = job_seconds * (1 - ADVISED_OVERHEAD) / ADVISED_OVERHEAD / seconds
            advice.append({"core s a sample": seconds, "samples": f"{samples:,}", "shard_size": math.ceil(enough)})
    print(markdown(pd.DataFrame(rows)))
    print(f"\nshard_size from which overhead is at most {ADVISED_OVERHEAD:.0%}, for each job that a shard has:\n")
    table = pd.DataFrame(advice).pivot(index="core s a sample", columns="samples", values="shard_size")
    print(markdown(table[[f"{samples:,}" for samples in SAMPLES]].reset_index()))


if __name__ == "__main__":
    main()
