"""A small experiment whose network waits or takes memory when the test says so, run through Slurm."""

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import yaml

from tests.helpers.workflow_project import ROOT, Project

CLUSTER = Path(__file__).with_name("cluster.sh")
PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"

# Files in the project's folder say what happens in a forward pass: `hold`, or `hold-JOB` for one job, and `take_mb`.
NETWORK = '''
import os
import time
from pathlib import Path

import torch
from torch import nn


class Network(nn.Module):
    """Two convolutions and five classes; waits while there is a file `hold`, takes MB as a file `take_mb` says."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2)
        self.second = nn.Conv2d(8, 8, 3)
        self.head = nn.Linear(8, 5)
        self.taken = b""
        names = ("SLURMD_NODENAME", "CUDA_VISIBLE_DEVICES")
        if "SLURM_JOB_ID" in os.environ:
            text = " ".join(os.environ.get(name, "") for name in names)
            Path("jobs", os.environ["SLURM_JOB_ID"]).write_text(text)

    def forward(self, x):
        # Once: freed memory stays in the heap of a job, and may be in pieces when the next pass wants as much.
        if Path("take_mb").exists() and not self.taken:
            self.taken = b"1" * (int(Path("take_mb").read_text()) * 10**6)
            time.sleep(5)
        job = os.environ.get("SLURM_JOB_ID", "")
        if Path("hold").exists():
            Path("held", job).touch()
        while Path("hold").exists() or Path("hold-" + job).exists():
            time.sleep(0.1)
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).mean((2, 3)))
'''

# Snakemake, asking every second: the plugin waits 10 seconds longer after each time that no job has ended.
IMPATIENT = """
import sys
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)
sys.exit(main())
"""


class SlurmProject(Project):
    """Four photographs of noise in two shards, each made by one job."""

    @classmethod
    def create(cls, folder: Path, samples: int = 4, **config) -> "SlurmProject":
        plots = {"samples": [], "contact_sheets": []}
        project = super().create(folder, samples, **{"execution": "fused", "plots": plots, **config})
        (folder / "tiny_network.py").write_text(NETWORK)
        for name in ("jobs", "held", "profile"):
            (folder / name).mkdir()
        project.write_profile()
        return project

    def copy(self, folder: Path) -> "SlurmProject":
        return SlurmProject(super().copy(folder).folder)

    def write_profile(self, account: str = "lab", **resources) -> None:
        """What a user of a cluster does: fill in account and partition. Resources by ``rule={name: value}``."""
        text = PROFILE.read_text().replace("my_account", account)
        if resources:
            text += yaml.safe_dump({"set-resources": resources})
        (self.folder / "profile" / "config.yaml").write_text(text)

    def slurm_command(self, *arguments: str, limit: int) -> list[str]:
        snakemake = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
        return [
            *("timeout", str(limit), sys.executable, "-c", IMPATIENT, *snakemake),
            *("--workflow-profile", "profile", "--slurm-init-seconds-before-status-checks", "2"),
            *arguments,
        ]

    def start(self, *arguments: str, limit: int = 900) -> subprocess.Popen:
        """Start Snakemake in a session of its own, for `limit` seconds; what it prints goes to the file `output`."""
        with (self.folder / "output").open("w") as output:
            return subprocess.Popen(
                self.slurm_command(*arguments, limit=limit),
                cwd=self.folder,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, process: subprocess.Popen, fails: bool = False) -> str:
        status = process.wait()
        output = (self.folder / "output").read_text()
        assert (status != 0) == fails, output[-8000:]
        return output

    def slurm(self, *arguments: str, fails: bool = False, limit: int = 900) -> str:
        return self.finish(self.start(*arguments, limit=limit), fails)

    @property
    def shards(self) -> list[str]:
        """One file of each shard, relative to the folder: targets that need only the shards' jobs."""
        return [f"results/test/tiny.zarr/logits/c.{number}.0" for number in range(2)]

    def shard_digests(self, number: int) -> dict[str, str]:
        """SHA-256 of the files of one shard."""
        return {name: value for name, value in self.digests().items() if re.search(rf"/c\.{number}(\.|$)", name)}

    def delete_shards(self) -> None:
        for path in self.store.rglob("c.*"):
            if not path.parent.name.startswith("id"):
                path.unlink()

    def hold(self) -> None:
        (self.folder / "hold").touch()

    def release(self) -> None:
        (self.folder / "hold").unlink()

    def held(self) -> list[str]:
        """Slurm's numbers of the jobs that have come to wait, in order."""
        return sorted((path.name for path in (self.folder / "held").iterdir()), key=int)

    def wait_until_held(self, count: int) -> list[str]:
        wait_until(lambda: len(self.held()) >= count, f"{count} jobs that wait", self.folder / "output")
        return self.held()

    def ran(self) -> dict[str, list[str]]:
        """Node and GPUs of each Slurm job that has built a network, by its number."""
        return {path.name: path.read_text().split() for path in (self.folder / "jobs").iterdir()}


def wait_until(condition, what: str, output: Path | None = None, seconds: int = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}: {output.read_text()[-4000:] if output else ''}"
        time.sleep(0.2)


def queue(*fields: str) -> dict[str, list[str]]:
    """What squeue says of all jobs, finished ones too, by number: any of its format letters."""
    text = subprocess.run(
        ["squeue", "--states=all", "--noheader", f"--format=%i|{'|'.join('%' + field for field in fields)}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {number: rest for number, *rest in (line.strip().split("|") for line in text.splitlines())}


def submitted(output: str) -> Counter[str]:
    """How often each shard was given to Slurm; Snakemake's output names Slurm's log of each job."""
    return Counter(re.findall(r"submitted with SLURM jobid \d+ \(log: \S+/rule_fused/tiny_(\d+)/", output))
