"""Two runs at once: in one project, and in two projects whose results are one folder."""

import pytest

from tests.helpers.fault_kinds import Run
from tests.helpers.workflow_project import Project


@pytest.mark.slow
def test_second_run_is_refused_and_does_not_disturb_the_first(tmp_path):
    project = Project.create(tmp_path / "project", samples=2, execution="fused")
    first = Run(project, tmp_path / "first.txt")
    assert first.wait_for(first.jobs), first.text()
    printed = project.run(fails=True)
    assert not first.over
    # Snakemake looks at its lock last: while a job's files appear, it says that they are incomplete.
    locked = "Directory cannot be locked" in printed and "--unlock" in printed
    assert locked or "seem to be incomplete" in printed, printed[-3000:]
    assert first.end() == 0, first.text()
    assert "Nothing to be done" in project.run()
    assert list(project.results.rglob("*.tmp")) == []


@pytest.mark.slow
def test_two_projects_make_the_same_results_at_once(tmp_path):
    undisturbed = Project.create(tmp_path / "undisturbed", samples=2, execution="fused")
    one, two = (undisturbed.copy(tmp_path / name) for name in ("one", "two"))
    undisturbed.run()
    (one.folder / "results").mkdir()
    (two.folder / "results").symlink_to(one.folder / "results")
    runs = [Run(project, tmp_path / f"{project.folder.name}.txt") for project in (one, two)]
    for run in runs:
        run.end()
    for project in (one, two):
        # Snakemake may have removed a file that the other run was about to read; that run then says so and stops.
        project.run("--rerun-incomplete")
    assert one.result_digests() == two.result_digests() == undisturbed.result_digests()
