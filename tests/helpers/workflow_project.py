"""A small experiment in a temporary folder, on which real Snakemake runs."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).parents[2]

NETWORK = '''
import torch
from torch import nn


class Network(nn.Module):
    """Two convolutions with a reused functional ReLU, and five classes."""

    def __init__(self, channels=3):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, stride=2)
        self.second = nn.Conv2d(8, 8, 3)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.head(x.mean((2, 3)))
'''


class Project:
    """Five photographs of noise in shards of two, and a network whose code lies in the working directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, samples: int = 5, **config) -> "Project":
        project = cls(folder)
        (folder / "data").mkdir(parents=True)
        (folder / "tiny_network.py").write_text(NETWORK)
        rows = ["id,path,label,site"]
        for number in range(samples):
            project.write_image(number)
            rows.append(f"s{number},s{number}.png,{number % 5 if number != 3 else ''},site {number % 2}")
        project.manifest.write_text("\n".join(rows) + "\n")
        project.write_config(**config)
        return project

    @property
    def manifest(self) -> Path:
        return self.folder / "data" / "manifest.csv"

    @property
    def results(self) -> Path:
        return self.folder / "results" / "test"

    @property
    def store(self) -> Path:
        return self.results / "tiny.zarr"

    def image(self, number: int) -> Path:
        return self.folder / "data" / f"s{number}.png"

    def write_image(self, number: int, seed: int = 0) -> None:
        generator = np.random.default_rng((seed, number))
        Image.fromarray(generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(self.image(number))

    def write_config(self, **changes) -> None:
        config = {
            "experiment": "test",
            "manifest": "data/manifest.csv",
            "input": {"resize": 32, "crop": 30},
            "models": {"tiny": {"factory": "tiny_network:Network", "class_names": ["a", "b", "c", "d", "e"]}},
            "targets": ["predicted"],
            "shard_size": 2,
            "batch_size": 2,
            "plots": {"count": 2, "contact_sheets": ["first", "misclassified"]},
            "audit": None,
            "report": None,
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config | changes))

    @property
    def config(self) -> dict:
        return yaml.safe_load((self.folder / "config.yaml").read_text())

    def copy(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Project(folder)

    def command(self, *arguments: str) -> list[str]:
        snakefile = str(ROOT / "Snakefile")
        return [
            *(sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--configfile", "config.yaml"),
            *("--cores", "2", *arguments),
        ]

    def environment(self) -> dict[str, str]:
        # Coverage and warning settings of the test run are not the jobs' business.
        return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHONWARN"))}

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run Snakemake; return what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        assert (done.returncode != 0) == fails, done.stdout[-8000:]
        return done.stdout

    def planned(self) -> Counter[str]:
        """What a dry run would do: messages of its jobs."""
        return jobs(self.run("--dry-run"))

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file of the store, by its path."""
        return file_digests(self.store)

    def result_digests(self) -> dict[str, str]:
        """SHA-256 of every result file, logs excepted, by its path."""
        return {name: value for name, value in file_digests(self.results).items() if not name.startswith("logs/")}


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def jobs(output: str) -> Counter[str]:
    """Jobs that Snakemake announced, shortened: the model is always the same, and `all` does nothing."""
    messages = re.findall(r"^Job \d+: (.*)$", output, flags=re.MULTILINE)
    short = (message.replace("(tiny, ", "(").replace(" for tiny", "").replace(" with tiny", "") for message in messages)
    return Counter(message for message in short if not message.startswith("Everything"))
