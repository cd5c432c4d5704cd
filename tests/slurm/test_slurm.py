"""Real runs on a real Slurm, which these tests start (as root, from Debian packages) and stop.

Every fault ends with a store that has the bytes of a local run.
"""

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch

from tests.helpers.workflow_project import ROOT, jobs
from tests.slurm.slurm_project import CLUSTER, SlurmProject, queue, submitted, wait_until

pytestmark = pytest.mark.slurm

STATE = Path(os.environ.get("SLURM_TEST_DIR", "/tmp/slurm-test"))


def start_cluster() -> None:
    # Not through a pipe, which the daemons would keep open.
    with Path("/tmp/slurm-test.log").open("w+") as output:
        status = subprocess.run([CLUSTER, "start"], stdout=output, stderr=output, timeout=700).returncode
        output.seek(0)
        text = output.read()
    if status == 77:
        pytest.skip(text.splitlines()[-1])
    assert status == 0, text


@pytest.fixture(scope="session")
def cluster():
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install -e '.[cluster]'")
    start_cluster()
    yield
    subprocess.run([CLUSTER, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """The project after a local run."""
    project = SlurmProject.create(tmp_path_factory.mktemp("local"))
    project.run()
    return project


@pytest.fixture
def project(cluster, local, tmp_path):
    """A copy without shards; two jobs make them again. No process outlives its test."""
    project = local.copy(tmp_path / "project")
    project.delete_shards()
    yield project
    subprocess.run(["scancel", "--user=root"], check=True)
    # Snakemake inside a cancelled job may ignore SIGTERM, and without cgroups Slurm loses sight of it.
    for process in psutil.process_iter(["cwd"]):
        if process.info["cwd"] == str(project.folder):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def assert_complete(project: SlurmProject, local: SlurmProject) -> None:
    """The store has the bytes of a local run, and no shard would be computed again."""
    assert project.digests() == local.digests()
    assert not jobs(project.run("--dry-run", *project.shards))


def test_whole_run_equals_a_local_one(cluster, local, tmp_path):
    project = SlurmProject.create(tmp_path)
    output = project.slurm()
    assert jobs(output) == {
        **{f"All maps of shard {number}": 1 for number in range(2)},
        **dict.fromkeys(["Inspect tiny", "Write the Zarr metadata of tiny"], 1),
        **dict.fromkeys(["Tabulate the predictions of tiny", "List the samples without a result"], 1),
        **dict.fromkeys(["Record the provenance"], 1),
    }
    # Three small steps run where Snakemake runs.
    assert len(re.findall("has been submitted with SLURM jobid", output)) == 4
    assert project.digests() == local.digests()
    for name in ("predictions.csv", "model.json", "target_layer.json"):
        assert (project.results / "tiny" / name).read_bytes() == (local.results / "tiny" / name).read_bytes()
    assert {node for node, *_ in project.ran().values()} <= {"n1", "n2"}
    assert "Nothing to be done" in project.slurm()


def test_cancelled_job_is_made_again(project, local):
    project.hold()
    process = project.start(*project.shards)
    cancelled, _ = project.wait_until_held(2)
    subprocess.run(["scancel", cancelled], check=True)
    wait_until(lambda: queue("T")[cancelled] == ["CANCELLED"], "the end of the job")
    project.release()
    assert sorted(submitted(project.finish(process)).values()) == [1, 2]
    assert len(project.ran()) == 3
    assert_complete(project, local)


def kill_node(name: str) -> None:
    """SIGKILL for slurmd and all that runs under it, as when the power is cut."""
    children: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            commands[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # has just ended
            continue
        children.setdefault(parent, []).append(int(folder.name))
    on_node = {job for job, (node, state) in queue("N", "T").items() if node == name and state == "RUNNING"}
    steps = [
        process
        for process, command in commands.items()
        if (step := re.match(r"slurmstepd: \[(\d+)\.", command)) and step[1] in on_node
    ]
    doomed = [int((STATE / "run" / f"slurmd.{name}.pid").read_text()), *steps]
    for process in doomed:
        doomed += children.get(process, [])
    for process in doomed:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_jobs_of_a_lost_node_run_on_another(project, local):
    project.hold()
    process = project.start(*project.shards)
    held = project.wait_until_held(2)
    lost = queue("N")[held[0]][0]
    expected = len([job for job in held if queue("N")[job] == [lost]])
    kill_node(lost)
    project.release()
    output = project.finish(process)
    start_cluster()
    assert "NODE_FAIL" in output
    assert len(project.ran()) == 2 + expected
    assert {node for job, (node, *_) in project.ran().items() if job not in held} == {"n1", "n2"} - {lost}
    assert_complete(project, local)


def test_job_over_its_memory_is_given_more(project, local):
    (project.folder / "take_mb").write_text("2000")
    output = project.slurm(project.shards[0])
    assert submitted(output) == {"0": 2}
    first, second = sorted(project.ran(), key=int)
    states = queue("T", "m")
    asked = [int(states[job][1].removesuffix("M")) for job in (first, second)]
    assert asked[0] < 2000 < asked[1] == 2 * asked[0]
    assert states[first][0] in ("OUT_OF_MEMORY", "FAILED", "CANCELLED")
    assert project.shard_digests(0) == local.shard_digests(0)


def test_job_over_its_time_is_given_more(project, local):
    # Slurm counts in minutes; the rule's own estimate starts at 10.
    project.write_profile(fused={"runtime": "attempt"})
    project.hold()
    process = project.start(*project.shards[:1])
    first, second = project.wait_until_held(2)
    project.release()
    assert submitted(project.finish(process)) == {"0": 2}
    assert (queue("T", "l")[first], queue("T", "l")[second]) == (["TIMEOUT", "1:00"], ["COMPLETED", "2:00"])
    assert project.shard_digests(0) == local.shard_digests(0)


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def documented_command(start: str) -> str:
    """The line of docs/cluster.md that starts so."""
    text = (ROOT / "docs" / "cluster.md").read_text()
    (line,) = {line.strip() for line in text.splitlines() if line.strip().startswith(start)}
    return line


def test_killed_snakemake_is_started_again_after_its_jobs_are_cancelled(project, local):
    project.hold()
    process = project.start(*project.shards)
    left = project.wait_until_held(2)
    kill(process)
    subprocess.run(documented_command("squeue --me"), shell=True, check=True)
    wait_until(lambda: all(queue("T")[job] == ["CANCELLED"] for job in left), "the end of the jobs")
    project.release()
    project.run("--unlock")
    assert submitted(project.slurm(*project.shards)) == {"0": 1, "1": 1}
    assert len(project.ran()) == 4
    assert_complete(project, local)


def test_two_jobs_that_write_the_same_shard_at_once(project, local):
    project.hold()
    process = project.start(*project.shards)
    project.wait_until_held(2)
    kill(process)
    project.run("--unlock")
    process = project.start(*project.shards)
    all_jobs = project.wait_until_held(4)
    project.release()
    assert submitted(project.finish(process)) == {"0": 1, "1": 1}
    wait_until(lambda: all(queue("T")[job] == ["COMPLETED"] for job in all_jobs), "the end of all jobs")
    assert len(project.ran()) == 4
    assert_complete(project, local)
    assert not list(project.store.rglob("*.tmp"))


def test_leftover_job_that_fails_takes_its_shard_along(project, local):
    target = project.shards[0]
    project.hold()
    process = project.start(target)
    (leftover,) = project.wait_until_held(1)
    kill(process)
    (project.folder / f"hold-{leftover}").touch()
    project.release()
    project.run("--unlock")
    assert submitted(project.slurm(target)) == {"0": 1}
    assert (project.folder / target).exists()
    subprocess.run(["scancel", leftover], check=True)
    wait_until(lambda: queue("T")[leftover] == ["CANCELLED"], "the end of the job")
    wait_until(lambda: not (project.folder / target).exists(), "the loss of the shard")
    assert submitted(project.slurm(target)) == {"0": 1}
    assert len(project.ran()) == 3
    assert project.shard_digests(0) == local.shard_digests(0)


def test_gpu_job_lands_on_the_gpu_node(project, local):
    project.write_config(execution="fused", device="cuda")
    project.write_profile(fused={"slurm_partition": "gpu"})
    # Its GPUs are in name only: unless there is a real one, the jobs end with the message for that.
    output = project.slurm("--retries", "0", project.shards[0], fails=not torch.cuda.is_available())
    assert {node for node, _ in project.ran().values()} == {"g1"}
    assert {gpu for _, gpu in project.ran().values()} <= {"0", "1"}
    if not torch.cuda.is_available():
        assert "torch finds no CUDA device here: use auto or cpu" in output
    (gpu_job,) = project.ran()
    project.write_config(execution="fused", device="cpu")
    project.write_profile()
    project.slurm(project.shards[0])
    assert [rest for job, (_, *rest) in project.ran().items() if job != gpu_job] == [[]]
    assert project.shard_digests(0) == local.shard_digests(0)


def test_unknown_account_is_named(project):
    project.write_profile(account="my_account")
    output = project.slurm("--retries", "0", project.shards[0], fails=True)
    assert "The given account my_account appears to be invalid. Available accounts:" in output
    assert "lab" in output
    assert not project.ran()
