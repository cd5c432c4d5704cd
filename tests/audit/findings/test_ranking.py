import pandas as pd

from saliency.audit.evidence import Evidence
from saliency.audit.findings import ranking
from saliency.audit.findings.finding import Finding
from saliency.audit.findings.ranking import rank, ranked_findings
from saliency.audit.findings.registered import finding_kinds
from tests.helpers.audit_data import THRESHOLDS


def test_ranking_keeps_the_highest_scores():
    findings = [Finding("group", score, "…") for score in (0.1, 0.9, 0.5)]
    kept, left_out = rank(findings, 2)
    assert [finding.score for finding in kept] == [0.9, 0.5]
    assert left_out == 1


def test_equal_scores_stand_in_the_order_of_their_kinds(monkeypatch):
    kinds = {
        name: type(kind.__name__, (kind,), {"find": classmethod(lambda cls, *_: [Finding(cls.name, 1.0, "…")] * 2)})
        for name, kind in finding_kinds().items()
    }
    monkeypatch.setattr(ranking, "finding_kinds", lambda: kinds)
    found, left_out = ranked_findings(Evidence(pd.DataFrame()), THRESHOLDS | {"most": 11})
    names = [
        *("random_weights", "transfer", "removal", "degradation"),
        *("class_in_group", "group_accuracy", "class_performance"),
        *("shortcut", "cluster", "group", "outside_mask", "zero_maps"),
    ]
    assert [finding.kind for finding in found] == [name for name in names for _ in range(2)][:11]
    assert left_out == 2 * len(kinds) - 11
