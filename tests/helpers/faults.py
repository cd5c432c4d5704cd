"""Real Snakemake runs that are disturbed at random moments, and what a plain re-run makes of them.

    python -m tests.helpers.faults --rounds 300 --seed 0 --jobs 2

Each round copies a finished project, deletes some of its files, disturbs the run that makes them again, does what the
README tells a user to do, and expects the bytes of an undisturbed run. A round's choices follow from the seed and its
number: `--only 17` plays one again. A failed round keeps its folder, beside which lies all that its runs printed.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import psutil

from tests.helpers.fault_kinds import KINDS, NO_EFFECT, Kind, Scene
from tests.helpers.workflow_project import Project

VOLUME_NETWORK = """
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 4, 3)
        self.second = nn.Conv3d(4, 4, 3)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.second(self.first(x).relu()).relu().mean((2, 3, 4)))
"""
NO_FIGURES = {"samples": [], "contact_sheets": []}


@dataclass
class Outcome:
    """What became of a round: `problem` is empty if it ended as it must."""

    round: int
    seed: int
    kind: str
    project: str
    cores: int
    lost: list[str]
    happened: str
    seconds: float
    problem: str


def create_volumes(folder: Path) -> Project:
    """Two volumes, whose maps are exported."""
    project = Project(folder)
    (folder / "data").mkdir(parents=True)
    (folder / "volume_network.py").write_text(VOLUME_NETWORK)
    generator = np.random.default_rng(0)
    for name in ("v0", "v1"):
        volume = generator.gamma(2, 100, (14, 12, 13)).astype(np.float32)
        nib.save(nib.Nifti1Image(volume, np.diag([2, 2, 2, 1])), folder / "data" / f"{name}.nii.gz")
    project.manifest.write_text("id,path,label\nv0,v0.nii.gz,0\nv1,v1.nii.gz,2\n")
    project.write_config(
        input={"mode": "3D", "crop": 10},
        models={"tiny": {"factory": "volume_network:Network"}},
        execution="fused",
        shard_size=1,
        export=["v0"],
        plots=NO_FIGURES,
    )
    return project


PROJECTS = {
    "fused": lambda folder: Project.create(folder, samples=4, execution="fused", plots=NO_FIGURES),
    "steps": lambda folder: Project.create(folder, samples=4, plots=NO_FIGURES),
    "figures": lambda folder: Project.create(
        folder, samples=3, execution="fused", plots={"count": 1, "contact_sheets": ["first"]}
    ),
    "volumes": create_volumes,
    "page": lambda folder: Project.create(
        folder, samples=3, execution="fused", plots=NO_FIGURES, audit={"transfer": None, "degradation": None}, report={}
    ),
}


def finished_project(name: str, folder: Path) -> Project:
    """A project after an undisturbed run; one that is there is used again."""
    project = Project(folder) if folder.exists() else PROJECTS[name](folder)
    project.run()
    return project


@contextmanager
def file_system(folder: Path):
    """A small file system in memory for a project."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    try:
        yield
    except BaseException:
        # It ends with the mount: keep a copy.
        shutil.copytree(folder, folder.with_suffix(".kept"), symlinks=True)
        raise
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def recover(scene: Scene) -> None:
    """Do what the README says about interrupted runs."""
    locks = scene.project.folder / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        if scene.random.random() < 0.25:
            run = scene.start()
            assert run.end() != 0, "a locked project was run"
            assert "--unlock" in run.text(), "a locked project does not name --unlock"
        assert scene.start("--unlock").end() == 0, "unlocking failed"
    assert scene.start().end() == 0, "the run after it failed"


def check(scene: Scene, undisturbed: dict[str, str]) -> None:
    """A disturbed and repaired project equals an undisturbed one, and nothing is left to do."""
    until = time.monotonic() + 60
    while processes := processes_in(scene.project.folder):
        assert time.monotonic() < until, f"processes are left over: {processes}"
        time.sleep(0.1)
    found = scene.project.result_digests()
    names = sorted(name for name in found.keys() | undisturbed.keys() if found.get(name) != undisturbed.get(name))
    assert not names, f"different from an undisturbed run: {names}"
    assert not (scene.project.folder / ".snakemake" / "locks").exists(), "a lock is left"
    run = scene.start("--dry-run")
    assert run.end() == 0, "a dry run failed"
    assert "Nothing to be done" in run.text(), "there is still something to be done"


def processes_in(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def play(number: int, seed: int, finished: dict[str, Project], folder: Path, name: str | None = None) -> Outcome:
    """Play one round in a new folder."""
    choices = random.Random(f"{seed} {number}")
    drawn = choices.choices(list(KINDS), [kind.weight for kind in KINDS.values()])[0]
    name = name or drawn
    kind = KINDS[name]
    project = choices.choices(list(finished), [{"fused": 4, "steps": 2}.get(key, 1) for key in finished])[0]
    place = folder / f"round-{number}"
    scene = Scene(Project(place), choices, place.with_suffix(".txt"), choices.choice([1, 2]))
    outcome = Outcome(number, seed, name, project, scene.cores, scene.lost, "", 0, "")
    started = time.monotonic()
    try:
        _play(scene, kind, finished[project], outcome)
    except (AssertionError, OSError, subprocess.SubprocessError, psutil.Error) as error:
        outcome.problem = f"{type(error).__name__}: {error}"
    else:
        shutil.rmtree(place, ignore_errors=True)
        for path in folder.glob(f"round-{number}.*"):
            path.unlink()
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


def _play(scene: Scene, kind: Kind, finished: Project, outcome: Outcome) -> None:
    if kind.own_disk:
        with file_system(scene.project.folder):
            _play(scene, Kind(kind.disturb), finished, outcome)
        return
    finished.copy(scene.project.folder)
    outcome.happened = kind.disturb(scene)
    recover(scene)
    check(scene, finished.result_digests())


def line(outcome: Outcome) -> str:
    """One line about a round."""
    state = f"FAILED: {outcome.problem}" if outcome.problem else "ok"
    what = f"{outcome.kind} ({outcome.project}): {outcome.happened}"
    return f"{outcome.round:4} {outcome.seconds:6.1f} s  {state}  {what}"


def summary(outcomes: Iterable[Outcome]) -> str:
    """Table by kind: rounds, disturbances without effect, rounds that ended well, and seconds per round."""
    table = pd.DataFrame([asdict(outcome) for outcome in outcomes])
    table["passed"] = table["problem"] == ""
    table["no effect"] = table["happened"].str.contains("|".join(NO_EFFECT))
    table["kind"] = pd.Categorical(table["kind"], list(KINDS))
    columns = {"round": "count", "no effect": "sum", "passed": "sum", "seconds": "mean"}
    lines = table.groupby("kind", observed=True).agg(columns)
    lines.index = lines.index.astype(str)
    lines.loc["all"] = table.agg(columns)
    lines = lines.rename(columns={"round": "rounds"}).rename_axis("kind").reset_index()
    return lines.to_markdown(index=False, floatfmt=("", ".0f", ".0f", ".0f", ".1f"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="rounds at a time")
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="play these rounds")
    parser.add_argument("--kind", choices=list(KINDS), help="play rounds of this kind")
    parser.add_argument("--folder", type=Path, help="where to work; holds rounds.jsonl")
    arguments = parser.parse_args()
    folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="faults-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    finished = {name: finished_project(name, folder / "finished" / name) for name in PROJECTS}
    outcomes = []
    with ThreadPoolExecutor(arguments.jobs) as pool, (folder / "rounds.jsonl").open("w", buffering=1) as log:
        numbers = arguments.only or range(arguments.rounds)
        played = pool.map(lambda number: play(number, arguments.seed, finished, folder, arguments.kind), numbers)
        for outcome in played:
            outcomes.append(outcome)
            log.write(json.dumps(asdict(outcome)) + "\n")
            print(line(outcome), flush=True)
    print(f"\n{summary(outcomes)}\n\n{folder / 'rounds.jsonl'}")
    sys.exit(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    main()
