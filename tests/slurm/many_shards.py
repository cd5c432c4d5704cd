"""What a job costs on Slurm: `PYTHONPATH=tests python tests/slurm/many_shards.py SHARDS`, as root.

Each shard has one image, and all maps of a shard are one job.
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from saliency import open_maps
from tests.slurm.slurm_project import CLUSTER, SlurmProject, submitted


def core_seconds(text: str) -> float:
    """Seconds of sacct's [HOURS:]MINUTES:SECONDS."""
    return sum(float(part) * 60**power for power, part in enumerate(reversed(text.split(":"))))


def used() -> float:
    """Core seconds of all processes that this one has started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def import_seconds() -> float:
    """Core seconds of a Python that imports what the job's own imports."""
    before = used()
    subprocess.run([sys.executable, "-c", "import saliency.steps, saliency.store.shard, torch"], check=True)
    return used() - before


def main(shards: int) -> None:
    with Path("/tmp/slurm-test.log").open("w") as log:
        subprocess.run([CLUSTER, "start"], check=True, stdout=log, stderr=log)
    folder = Path(tempfile.mkdtemp(prefix="many-shards-"))
    project = SlurmProject.create(folder, samples=shards, shard_size=1, batch_size=1)
    project.run("--until", "inspect_model")
    targets = [f"results/test/tiny.zarr/logits/c.{number}.0" for number in range(shards)]
    subprocess.run(["sdiag", "--reset"], check=True, stdout=subprocess.DEVNULL)
    start, before = time.time(), used()
    output = project.slurm(
        "results/test/tiny/predictions.csv", "results/test/tiny.zarr/zarr.json", *targets, limit=7200
    )
    seconds, main_process = time.time() - start, used() - before
    name = next(line.split(": ")[1] for line in output.splitlines() if line.startswith("SLURM run ID"))
    fields = ["sacct", "--noheader", "--parsable2", "--name", name, "--format=JobID,TotalCPU"]
    rows = [line.split("|") for line in subprocess.check_output(fields, text=True).splitlines()]
    jobs = [job for job, _ in rows if job.isdecimal()]
    outer = sum(core_seconds(text) for job, text in rows if job.endswith(".batch"))
    inner = sum(core_seconds(text) for job, text in rows if job.endswith(".0"))
    # Every file of every shard must be there to be opened.
    complete, once = len(open_maps(project.store).ids), sum(count == 1 for count in submitted(output).values())
    print(f"{complete} shards complete, {once} made by one job, {len(jobs)} jobs in all, {seconds:.0f} s")
    login, outside, inside = (part / len(jobs) for part in (main_process, outer, inner))
    print(f"core seconds a job: {login:.2f} Snakemake on the login node, {outside:.2f} Snakemake in the job,")
    print(
        f"  {inside:.2f} Snakemake inside that one with the job's own Python, whose imports take {import_seconds():.2f}"
    )
    calls = re.findall(r"REQUEST_(\w+)\s+\(.*count:(\d+)\s+ave_time:(\d+)", subprocess.getoutput("sdiag"))
    print(
        "requests to slurmctld for each job:",
        ", ".join(f"{kind} {int(count) / len(jobs):.2f} x {int(mean) / 1000:.1f} ms" for kind, count, mean in calls),
    )
    subprocess.run([CLUSTER, "stop"], check=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
