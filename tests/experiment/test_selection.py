import pytest

from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.experiment.validation import complete_config
from tests.helpers.workflow_project import Project


@pytest.mark.parametrize(
    ("audit", "audited", "performance", "whole"),
    [
        ({}, ["split", "site"], ["split", "site"], []),
        ({"where": {"split": ["train", "test"]}}, ["site"], ["site"], ["split"]),
        ({"where": {"label": "0", "id": ["s0", "s1"]}}, ["split", "site"], ["split", "site"], []),
        ({"where": {"split": "test"}, "columns": ["split", "label"]}, ["split", "label"], [], ["split"]),
    ],
)
def test_columns_by_which_an_audit_groups(tmp_path, monkeypatch, audit, audited, performance, whole):
    project = Project.create(tmp_path, samples=2)
    project.manifest.write_text("id,path,label,split,site\ns0,s0.png,0,train,a\ns1,s1.png,1,test,b\n")
    project.write_config(audit=audit)
    monkeypatch.chdir(tmp_path)
    config, problems = complete_config(project.config)
    assert problems == []
    selection = Selection(Plan(config))
    assert selection.audit_columns == audited
    assert selection.performance_columns == performance
    assert selection.whole_columns == whole
