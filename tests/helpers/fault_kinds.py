"""Ways to disturb a run, or to damage what a run has left; each is a function of a `Scene` that says what happened."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from saliency.experiment import factory_files
from tests.helpers.workflow_project import Project

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
# What the system or Snakemake says when a file cannot be written; a user must see one of these.
REFUSALS = (
    "No space left on device",
    "File too large",
    "Read-only file system",
    "Operation not permitted",
    "Write-protected output files",
)

# A run without jobs that uses no processor time for so long is not going to end.
HUNG_SECONDS = 30
# How a round is described whose disturbance came too late, or changed nothing.
NO_EFFECT = ("no job was left", "the run was over", "no job got to", "nothing was refused", "the bytes were the same")

# A signal at an exact place of the write path: before the temporary file is made, before it gets its permissions (it is
# whole by then), and before it is renamed. Python imports this module in every process that starts.
SIGNAL_AT_WRITE = """
import os
import signal
import sys

count = 0


def hook(event, arguments):
    global count
    if event in ("open", "os.chmod", "os.rename"):
        name = str(arguments[0])
        if "/results/" not in name or not name.endswith(".tmp"):
            return
        count += 1
        if count == {number}:
            try:
                os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            {send}


sys.addaudithook(hook)
"""


class Run:
    """A Snakemake run that goes on while it is watched."""

    def __init__(self, project: Project, output: Path, *arguments: str, wrap: Sequence[str] = (), **environment: str):
        self.output = output
        self.hung = False
        self.started = time.monotonic()
        with output.open("a") as file:
            self._from = file.tell()
            # Started in the background of a shell, a process would ignore SIGINT.
            self.process = psutil.Popen(
                ["env", "--default-signal=INT", *wrap, *project.command("--nocolor", *arguments)],
                cwd=project.folder,
                env=project.environment() | environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> int:
        """Wait for the end; the exit status. A run that does nothing any more is killed, as a user would do it.

        Snakemake waits for itself for ever if SIGTERM comes while it records the end of a job: its signal handler takes
        a lock that the interrupted code holds.
        """
        busy, since = -1.0, time.monotonic()
        while not self.over:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                now = busy_seconds(self.process)
                # A child that has ended may never be waited for.
                children = self.process.children(recursive=True)
                if now != busy or any(child.status() != psutil.STATUS_ZOMBIE for child in children):
                    busy, since = now, time.monotonic()
            if time.monotonic() - since > HUNG_SECONDS:
                self.hung = True
                os.killpg(self.process.pid, signal.SIGKILL)
            time.sleep(0.05)
        return self.process.wait()

    def text(self) -> str:
        with self.output.open() as file:
            file.seek(self._from)
            return file.read()

    def jobs(self) -> list[psutil.Process]:
        """Processes that run a rule's script."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for process in self.process.children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if any(".snakemake/scripts/" in word for word in process.cmdline()):
                        found.append(process)
        return found

    def wait_for(self, condition: Callable[[], object]) -> bool:
        """Wait until something is true; False if the run ends first."""
        while not self.over:
            if condition():
                return True
            time.sleep(0.02)
        return False

    def signal(self, number: signal.Signals, victim: str) -> str:
        """Send a signal to Snakemake ("main"), its process group, or one of its jobs; say what was hit."""
        if victim == "job":
            jobs: list[psutil.Process] = []
            if not self.wait_for(lambda: jobs.extend(self.jobs()) or jobs):
                return NO_EFFECT[0]
            with suppress(psutil.NoSuchProcess):
                jobs[0].send_signal(number)
        elif self.over:
            return NO_EFFECT[1]
        elif victim == "main":
            self.process.send_signal(number)
        else:
            os.killpg(self.process.pid, number)
        return f"{number.name} to {victim}"


@dataclass
class Scene:
    """A project of a round, and the random choices that are made in it."""

    project: Project
    random: random.Random
    output: Path
    cores: int
    lost: list[str] = field(default_factory=list)

    @property
    def steps(self) -> bool:
        """Whether each job makes one array."""
        return self.project.config.get("execution") != "fused"

    def start(self, *arguments: str, **options) -> Run:
        return Run(self.project, self.output, "--cores", str(self.cores), "--rerun-incomplete", *arguments, **options)

    def files(self, pattern: str = "*") -> list[Path]:
        """Result files, without logs."""
        logs = self.project.results / "logs"
        found = [path for path in self.project.results.rglob(pattern) if path.is_file()]
        return sorted(path for path in found if not path.is_relative_to(logs))

    def shards(self) -> list[Path]:
        return self.files("c.*")

    def lose_some(self) -> None:
        """Delete one or two result files, mostly such that the next run has few jobs to do."""
        first = ["model.json", "target_layer.json", factory_files.NAME]
        if self.steps and self.random.random() < 0.85:
            first += ["inputs", "status", "logits", "class"]
        candidates = [path for path in self.files() if not {path.name, path.parent.name} & set(first)]
        for path in self.random.sample(candidates, self.random.choice([1, 1, 2])):
            path.unlink()
            self.lost.append(str(path.relative_to(self.project.results)))

    def moment(self, run: Run) -> str:
        """Wait for a random moment of a run: of its start, or of one of its first jobs.

        Moments are counted in processor time, so that a busy machine does not shift them.
        """
        if self.random.random() < 0.25:
            seconds = self.random.uniform(0.1, 2)
            reached = run.wait_for(lambda: busy_seconds(run.process) >= seconds)
            return f"{seconds:.2f} s after the start" if reached else "at the end"
        number, seconds = self.random.choice([1, 1, 1, 2]), self.random.uniform(0, 2.5)
        seen: dict[int, psutil.Process] = {}
        if not run.wait_for(lambda: seen.update({job.pid: job for job in run.jobs()}) or len(seen) >= number):
            return "at the end"
        job = list(seen.values())[number - 1]
        run.wait_for(lambda: not job.is_running() or busy_seconds(job) >= seconds)
        return f"{seconds:.2f} s into job {number}"


def busy_seconds(process: psutil.Process) -> float:
    """Processor time of a process; infinite if it has ended."""
    try:
        times = process.cpu_times()
        return float("inf") if process.status() == psutil.STATUS_ZOMBIE else times.user + times.system
    except psutil.Error:
        return float("inf")


def ended(run: Run) -> str:
    status = run.end()
    return f"ended with {status}" + (", hung and was killed" if run.hung else "")


def refused(run: Run) -> str:
    """End of a run that cannot write: it must say so."""
    status = run.end()
    if status:
        text = run.text()
        assert any(reason in text for reason in REFUSALS), "the run does not say why it failed"
    return f"ended with {status}" if status else NO_EFFECT[3]


# -- signals


def send(scene: Scene, name: str, victim: str) -> str:
    scene.lose_some()
    run = scene.start()
    when = scene.moment(run)
    return f"{run.signal(SIGNALS[name], victim)} {when}, {ended(run)}"


def signal_at_write(scene: Scene, name: str, victim: str) -> str:
    scene.lose_some()
    # A job has three operations for each of its files.
    number = scene.random.randint(1, 3) if scene.steps else scene.random.choice([1, 2, 3, scene.random.randint(4, 27)])
    folder = scene.output.with_suffix(".hook")
    folder.mkdir()
    marker = folder / "sent"
    send = {
        "job": f"os.kill(os.getpid(), signal.{name})",
        "main": f"os.kill(os.getppid(), signal.{name})",
        "group": f"os.killpg(os.getpgid(os.getppid()), signal.{name})",
    }[victim]
    code = SIGNAL_AT_WRITE.format(number=number, marker=str(marker), send=send)
    (folder / "sitecustomize.py").write_text(code)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    run = scene.start(PYTHONPATH=os.pathsep.join(filter(None, paths)))
    status = ended(run)
    hit = f"{name} before" if marker.exists() else NO_EFFECT[2]
    shutil.rmtree(folder)
    return f"{hit} operation {number} of writing, {status}"


def stop_and_continue(scene: Scene) -> str:
    scene.lose_some()
    run = scene.start()
    when = scene.moment(run)
    hit = run.signal(signal.SIGSTOP, "group")
    seconds = scene.random.uniform(0.1, 1.5)
    time.sleep(seconds)
    run.signal(signal.SIGCONT, "group")
    assert run.end() == 0, "a run that was only stopped for a while has failed"
    return f"{hit} {when}, SIGCONT {seconds:.2f} s later, {ended(run)}"


def killed_change(scene: Scene) -> str:
    """The config is changed, the run with it is killed, and the config is put back."""
    config = scene.project.folder / "config.yaml"
    before = config.read_bytes()
    scene.project.write_config(**scene.project.config | {"models": with_layer(scene.project.config, "first")})
    run = scene.start()
    when = scene.moment(run)
    hit = run.signal(signal.SIGKILL, scene.random.choice(["main", "group"]))
    status = ended(run)
    config.write_bytes(before)
    return f"with another target layer, {hit} {when}, {status}"


def with_layer(config: dict, layer: str) -> dict:
    return {name: settings | {"target_layer": layer} for name, settings in config["models"].items()}


# -- nowhere to write


def disk_full(scene: Scene) -> str:
    """The project is on a file system of its own (see `faults.play`), which is filled up to some bytes."""
    scene.lose_some()
    kept = scene.random.choice([0, 1, 2, 4, 8, 16, 24, 32]) * 4096
    ballast = scene.project.folder / "ballast"
    free = os.statvfs(scene.project.folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - kept))
    status = refused(scene.start())
    ballast.unlink()
    return f"{kept} bytes free, {status}"


def size_limit(scene: Scene) -> str:
    scene.lose_some()
    limit = scene.random.choice([0, 100, 1_000, 4_000, 20_000])
    # What it prints goes through a pipe, to which the limit does not apply.
    command = f'set -o pipefail; prlimit --fsize={limit} "$@" 2>&1 | cat'
    return f"files of at most {limit} bytes, {refused(scene.start(wrap=['bash', '-c', command, '-']))}"


def some_folder(scene: Scene) -> Path:
    """A folder of the results, mostly one in which a file is missing."""
    if scene.random.random() < 0.75:
        return (scene.project.results / scene.random.choice(scene.lost)).parent
    return scene.random.choice(sorted({path.parent for path in scene.files()}))


def read_only(scene: Scene) -> str:
    scene.lose_some()
    folder = some_folder(scene).relative_to(scene.project.folder)
    # In a mount namespace of its own, which ends with the run.
    command = f'mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} && exec "$@"'
    run = scene.start(wrap=["unshare", "--mount", "bash", "-c", command, "-"])
    return f"{folder} is read-only, {refused(run)}"


def immutable(scene: Scene) -> str:
    scene.lose_some()
    folder = some_folder(scene)
    with locked_folder(folder):
        status = refused(scene.start())
    return f"{folder.relative_to(scene.project.folder)} is immutable, {status}"


@contextmanager
def locked_folder(folder: Path):
    """Take away the permission to write in a folder, from root too."""
    subprocess.run(["chattr", "+i", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


# -- damage between runs


def truncate(content: bytes, random: random.Random) -> bytes:
    return content[: random.randrange(1, len(content))]


def zero(content: bytes, random: random.Random) -> bytes:
    begin = random.randrange(len(content))
    return content[:begin] + bytes(len(content) - begin)


def flip(content: bytes, random: random.Random) -> bytes:
    where = random.randrange(len(content))
    return content[:where] + bytes([content[where] ^ 1 << random.randrange(8)]) + content[where + 1 :]


def empty(content: bytes, random: random.Random) -> bytes:
    return b""


def append(content: bytes, random: random.Random) -> bytes:
    return content + random.randbytes(random.randint(1, 100))


def damage(scene: Scene, change: Callable[[bytes, random.Random], bytes]) -> str:
    names = []
    for path in scene.random.sample(scene.shards(), scene.random.choice([1, 1, 2])):
        before, status = path.read_bytes(), path.stat()
        after = change(before, scene.random)
        if after == before:
            continue
        path.write_bytes(after)
        names.append(str(path.relative_to(scene.project.results)))
        if scene.random.random() < 0.5:
            # As a disk does it, without a trace.
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    arguments = ["verify", str(scene.project.results), "--delete-bad"]
    with scene.output.open("a") as file:
        done = subprocess.run(
            [sys.executable, "-m", "saliency", *arguments],
            cwd=scene.project.folder,
            env=scene.project.environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if not names:
        assert done.returncode == 0, "verify has found damage where there is none"
        return NO_EFFECT[4]
    assert done.returncode == 1, "verify has found nothing"
    left = [name for name in names if (scene.project.results / name).exists()]
    assert not left, f"verify has not found the damage of {left}"
    return f"{', '.join(names)}"


def lost_files(scene: Scene) -> str:
    """Descriptions and tables go, or a whole folder."""
    # What a factory has read is a record: nothing makes it again, and other downloads are then refused, not planned.
    files = [path for path in scene.files() if path.suffix in (".json", ".csv") and path.name != factory_files.NAME]
    folders = sorted({path.parent for path in scene.files()})
    gone = scene.random.sample(files, scene.random.randint(1, 3))
    if scene.random.random() < 0.25:
        gone = [scene.random.choice(folders)]
    for path in gone:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return "deleted " + ", ".join(str(path.relative_to(scene.project.folder)) for path in gone)


def lost_records(scene: Scene) -> str:
    """Snakemake's records of finished jobs go, or are cut off."""
    scene.lose_some()
    folder = scene.project.folder / ".snakemake"
    how = scene.random.choice(["deleted", "deleted", "cut off", "emptied", "all deleted"])
    if how == "all deleted":
        shutil.rmtree(folder)
        return "all records deleted"
    records = sorted(path for path in (folder / "metadata").rglob("*") if path.is_file())
    chosen = scene.random.sample(records, scene.random.randint(1, len(records)))
    for path in chosen:
        match how:
            case "deleted":
                path.unlink()
            case "cut off":
                path.write_bytes(truncate(path.read_bytes(), scene.random))
            case "emptied":
                path.write_bytes(b"")
    return f"{len(chosen)} of {len(records)} records {how}"


def lost_marks(scene: Scene) -> str:
    """After a kill, Snakemake's marks of unfinished jobs go as well."""
    what = send(scene, "SIGKILL", scene.random.choice(["main", "group"]))
    marks = sorted(path for path in (scene.project.folder / ".snakemake" / "incomplete").rglob("*") if path.is_file())
    gone = scene.random.sample(marks, scene.random.randint(0, len(marks)))
    for path in gone:
        path.unlink()
    return f"{what}, {len(gone)} of {len(marks)} marks deleted"


# -- two runs at once


def second_run(scene: Scene) -> str:
    scene.lose_some()
    first = scene.start()
    locks = scene.project.folder / ".snakemake" / "locks"
    first.wait_for(lambda: locks.is_dir() and len(list(locks.iterdir())) == 2)
    when = scene.moment(first)
    second = Run(scene.project, scene.output.with_suffix(".second"), "--cores", "1", "--rerun-incomplete")
    at_start = first.over
    status = second.end()
    # Snakemake gives its lock back a little before it ends.
    if not (at_start or first.over or "(100%) done" in first.text()):
        assert status != 0, "the second run was not refused"
        assert "--unlock" in second.text(), "the second run was refused for another reason"
    assert first.end() == 0, "the first run was disturbed by the second"
    return f"second run {when} ended with {status}, the first with 0"


def two_runs(scene: Scene, *arguments: str, other: Project | None = None) -> str:
    scene.lose_some()
    first = scene.start(*arguments)
    seconds = scene.random.uniform(0, 3)
    first.wait_for(lambda: time.monotonic() - first.started >= seconds)
    output = scene.output.with_suffix(".second")
    second = Run(other or scene.project, output, "--cores", "1", "--rerun-incomplete", *arguments)
    return f"second run after {seconds:.2f} s, {ended(first)} and {second.end()}"


def no_lock(scene: Scene) -> str:
    return two_runs(scene, "--nolock")


def shared_results(scene: Scene) -> str:
    """Two projects, in which `results` is the same folder."""
    other = Project(scene.project.folder.with_suffix(".other"))
    shutil.copytree(scene.project.folder, other.folder, ignore=shutil.ignore_patterns("results"))
    (other.folder / "results").symlink_to(scene.project.folder / "results")
    try:
        return two_runs(scene, other=other)
    finally:
        shutil.rmtree(other.folder)


@dataclass(frozen=True)
class Kind:
    """A way to disturb, how often it is chosen, and whether it needs root or a file system of its own."""

    disturb: Callable[[Scene], str]
    weight: int = 2
    root: bool = False
    own_disk: bool = False


KINDS = {
    **{
        f"{name} to {victim}": Kind(lambda scene, n=name, v=victim: send(scene, n, v), 3 if name == "SIGKILL" else 2)
        for name, victim in itertools.product(SIGNALS, ["main", "group", "job"])
    },
    **{
        f"{name} to {victim} while writing": Kind(
            lambda scene, n=name, v=victim: signal_at_write(scene, n, v), 4 if name == "SIGKILL" else 2
        )
        for name, victim in itertools.product(SIGNALS, ["main", "group", "job"])
    },
    "stopped and continued": Kind(stop_and_continue),
    "killed with a changed config": Kind(killed_change, 4),
    "disk full": Kind(disk_full, 5, root=True, own_disk=True),
    "file size limit": Kind(size_limit, 3),
    "read-only folder": Kind(read_only, 3, root=True),
    "immutable folder": Kind(immutable, 2, root=True),
    **{
        f"shard: {change.__name__}": Kind(lambda scene, c=change: damage(scene, c), 3)
        for change in [truncate, zero, flip, empty, append]
    },
    "tables, descriptions lost": Kind(lost_files, 3),
    "Snakemake's records lost": Kind(lost_records, 3),
    "killed, marks lost": Kind(lost_marks, 3),
    "second run": Kind(second_run, 3),
    "second run, --nolock": Kind(no_lock, 2),
    "second run, results shared": Kind(shared_results, 3),
}
