"""Schedulers beside Slurm, through their executor plugins: plans, and a run through a submission command."""

import re
import stat

import pytest

from tests.helpers.workflow_project import Project

pytestmark = pytest.mark.slow

# It keeps what it was asked for, and runs the job script, as the submission command of a scheduler does.
SUBMIT = """#!/bin/sh
echo "$@" >> asked.txt
for last; do :; done
nohup sh "$last" > /dev/null 2>&1 &
echo $!
"""
GENERIC = (
    "./submit -l select=1:ncpus={threads}:mem={resources.mem_mb}mb:ngpus={resources.gpu} "
    "-l walltime=$(({resources.runtime}*60))"
)


def run(project, executor, *arguments):
    """The output of Snakemake with a plugin, or a skip where the plugin is not installed."""
    pytest.importorskip(
        f"snakemake_executor_plugin_{executor.replace('-', '_')}", reason=f"needs the plugin {executor}"
    )
    return project.run("--executor", executor, "--jobs", "4", "--default-resources", "gpu=0", *arguments)


@pytest.mark.parametrize("execution", ["steps", "fused"])
@pytest.mark.parametrize(
    ("executor", "arguments"), [("lsf", ()), ("cluster-generic", ("--cluster-generic-submit-cmd", GENERIC))]
)
def test_plans_are_those_of_a_run_on_this_machine(tmp_path, execution, executor, arguments):
    project = Project.create(tmp_path, execution=execution)
    plan = run(project, executor, "--dry-run", *arguments)
    here = project.run("--dry-run")
    assert re.findall(r"^total +\d+", plan, flags=re.MULTILINE) == re.findall(r"^total +\d+", here, flags=re.MULTILINE)


def test_a_run_through_a_submission_command(tmp_path):
    """The store is that of a run on this machine, and each job asks for memory, time and cores."""
    here = Project.create(tmp_path / "here", execution="fused")
    here.run()
    there = here.copy(tmp_path / "there")
    there.run("--delete-all-output")
    submit = there.folder / "submit"
    submit.write_text(SUBMIT)
    submit.chmod(submit.stat().st_mode | stat.S_IXUSR)
    run(there, "cluster-generic", "--cluster-generic-submit-cmd", GENERIC, "--latency-wait", "30")
    assert there.digests() == here.digests()
    asked = (there.folder / "asked.txt").read_text().splitlines()
    wanted = r"-l select=1:ncpus=1:mem=\d+mb:ngpus=0 -l walltime=\d+ \S+snakejob\.(\w+)\.\d+\.sh"
    rules = [re.fullmatch(wanted, line)[1] for line in asked]
    assert rules.count("fused") == 3
