"""Runs that are killed in the middle, and started again."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.helpers.workflow_project import Project

pytestmark = pytest.mark.slow

JOB = """
import time
from saliency.job import job_log

with job_log("job.log"):
    print("started", flush=True)
    time.sleep(60)
"""


def test_job_ends_with_the_snakemake_that_started_it(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    # Stands for Snakemake: it starts a job, says its process number, and waits for it.
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, 'job.py']); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        job = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "started\n"
        parent.kill()
        _, alive = psutil.wait_procs([job], timeout=20)
    assert not alive
    assert "Snakemake was killed: its job ends" in (tmp_path / "job.log").read_text()


def test_job_whose_snakemake_was_killed_before_it_could_watch_does_nothing(tmp_path):
    script = tmp_path / ".snakemake" / "scripts" / "job.py"
    script.parent.mkdir(parents=True)
    script.write_text(f"import time\ntime.sleep(1)\n{JOB}")
    # The shell is gone when the job begins to work.
    command = f"{sys.executable} .snakemake/scripts/job.py 2> messages & echo $!"
    started = subprocess.run(["sh", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(started.stdout)).wait(20)
    assert (tmp_path / "messages").read_text() == "Snakemake was killed: its job ends\n"
    assert not (tmp_path / "job.log").exists()


def test_killed_run_is_finished_by_the_next_and_equals_an_undisturbed_one(tmp_path):
    undisturbed = Project.create(tmp_path / "undisturbed", samples=4)
    killed = undisturbed.copy(tmp_path / "killed")
    undisturbed.run()
    for shards in (1, 5, 10):
        process = subprocess.Popen(
            killed.command("--rerun-incomplete"),
            cwd=killed.folder,
            env=killed.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while len(list(killed.store.rglob("c.*"))) < shards:
            assert process.poll() is None
            time.sleep(0.02)
        # The session holds Snakemake and every job that it has started.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed.run("--unlock")
    killed.run("--rerun-incomplete")
    assert killed.result_digests() == undisturbed.result_digests()
    assert "Nothing to be done" in killed.run()
