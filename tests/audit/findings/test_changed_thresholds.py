"""A changed threshold tells the findings anew, and computes nothing else again."""

import pytest

from saliency.audit.findings.registered import finding_versions
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from tests.helpers.workflow_project import Project

STEPS = ("metrics", "audit", "mean_maps", "model_data", "findings")


def digests(project, versions=None):
    config, problems = complete_config(project.config)
    assert problems == []
    found = Digests(Plan(config), "page", finding_versions() if versions is None else versions)
    return {name: found.of(name, "tiny", None, "predicted") for name in STEPS} | {"page": found.of("report_page")}


@pytest.mark.parametrize(
    ("audit", "again"),
    [
        ({"findings": {"alpha": 0.01}}, {"findings", "page"}),
        ({"findings": {"exemplars": 2}}, {"findings", "page"}),
        ({"shortcuts": {"side": 3}}, {"audit", "findings", "model_data", "page"}),
        ({"findings": {"alpha": 0.05}}, set()),
    ],
)
def test_digests_of_changed_settings(tmp_path, monkeypatch, audit, again):
    monkeypatch.chdir(tmp_path)
    project = Project.create(tmp_path, audit={}, report={})
    before = digests(project)
    project.write_config(audit=audit, report={})
    after = digests(project)
    assert {name for name in before if before[name] != after[name]} == again


@pytest.mark.parametrize("change", [{"crowd": 1}, {"shortcut": 2}])
def test_digests_of_new_kinds_and_versions(tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    project = Project.create(tmp_path, audit={}, report={})
    before, after = digests(project), digests(project, finding_versions() | change)
    assert {name for name in before if before[name] != after[name]} == {"findings", "page"}


@pytest.mark.slow
def test_run_with_another_level(tmp_path):
    fast = {"execution": "fused", "shard_size": 5, "report": {}}
    project = Project.create(tmp_path, audit={"min_count": 2}, **fast)
    project.run()
    assert project.planned() == {}
    before = project.result_digests()
    project.write_config(audit={"min_count": 2, "findings": {"alpha": 0.5}}, **fast)
    # The provenance holds the config.
    again = {"Look for findings (predicted)", "Write the report's page", "Record the provenance"}
    assert set(project.planned()) == again
    project.run()
    after = project.result_digests()
    assert after.keys() == before.keys()
    audit = "tiny/audit/predicted"
    changed = {name for name in before if before[name] != after[name]}
    assert {f"{audit}/findings.json", f"{audit}/findings.md", "provenance.json"} <= changed
    assert changed <= {f"{audit}/findings.json", f"{audit}/findings.md", "provenance.json", "report/index.html"}
    assert project.planned() == {}
