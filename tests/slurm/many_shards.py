"""What a job costs on Slurm: `PYTHONPATH=tests python tests/slurm/many_shards.py SHARDS`, as root.

Each shard has one image, and all maps of a shard are one job.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slurm_project import CLUSTER, SlurmProject

from saliency import open_maps


def core_seconds(text: str) -> float:
    """Seconds of sacct's [HOURS:]MINUTES:SECONDS."""
    return sum(float(part) * 60**power for power, part in enumerate(reversed(text.split(":"))))


def main(shards: int) -> None:
    with Path("/tmp/slurm-test.log").open("w") as log:
        subprocess.run([CLUSTER, "start"], check=True, stdout=log, stderr=log)
    folder = Path(tempfile.mkdtemp(prefix="many-shards-"))
    project = SlurmProject.create(folder, samples=shards, shard_size=1, batch_size=1)
    project.run("--until", "inspect_model", "find_target_layer")
    targets = [f"results/test/tiny.zarr/logits/c.{number}.0" for number in range(shards)]
    start, cores = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    output = project.slurm(
        "results/test/tiny/predictions.csv", "results/test/tiny.zarr/zarr.json", *targets, limit=7200
    )
    seconds, used = time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    name = next(line.split(": ")[1] for line in output.splitlines() if line.startswith("SLURM run ID"))
    fields = ["sacct", "--noheader", "--parsable2", "--name", name, "--format=JobID,TotalCPU"]
    rows = [line.split("|") for line in subprocess.check_output(fields, text=True).splitlines()]
    jobs = [job for job, _ in rows if job.isdecimal()]
    outer = sum(core_seconds(text) for job, text in rows if job.endswith(".batch"))
    inner = sum(core_seconds(text) for job, text in rows if job.endswith(".0"))
    main_process = used.ru_utime + used.ru_stime - cores.ru_utime - cores.ru_stime
    print(f"{len(open_maps(project.store).ids)} shards complete, {len(jobs)} jobs, {seconds:.0f} s")
    login, outside, inside = (used / len(jobs) for used in (main_process, outer, inner))
    print(f"core seconds a job: {login:.2f} Snakemake on the login node, {outside:.2f} Snakemake in the job,")
    print(f"  {inside:.2f} Snakemake inside that one with the job's own Python")
    subprocess.run([CLUSTER, "stop"], check=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
