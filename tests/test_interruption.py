"""Runs that are killed in the middle, and started again."""

import os
import signal
import subprocess
import time

import pytest
from workflow_project import Project


@pytest.mark.slow
def test_killed_run_is_finished_by_the_next_and_equals_an_undisturbed_one(tmp_path):
    undisturbed = Project.create(tmp_path / "undisturbed")
    killed = undisturbed.copy(tmp_path / "killed")
    undisturbed.run()
    for shards in (1, 6, 13):
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
