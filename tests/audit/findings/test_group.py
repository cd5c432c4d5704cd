import pandas as pd

from saliency.audit.evidence import Evidence
from saliency.audit.findings.group import GroupFinding
from saliency.audit.groups import TEST_COLUMNS
from tests.helpers.audit_data import THRESHOLDS


def test_one_finding_for_each_group():
    tests = pd.DataFrame(
        [
            ("site", "a", "x", 10, 30, 1.0, 2.0, -0.4, 1e-6, 1e-5),
            ("site", "a", "y", 10, 30, 5.0, 2.0, 0.8, 1e-6, 1e-5),
            ("site", "b", "x", 10, 30, 1.0, 2.0, -0.9, 0.04, 0.2),  # not significant
            ("site", "c", "x", 10, 30, 1.0, 2.0, 0.1, 1e-9, 1e-8),  # small
        ],
        columns=list(TEST_COLUMNS),
    )
    maps = pd.DataFrame(
        {"column": "site", "group": ["a", "b", "c"], "distance": [0.05, 0.3, 0.3], "p": [0.001, 0.5, 0.001]}
    )
    a, c = GroupFinding.find(Evidence(pd.DataFrame(), tests=tests, map_tests=maps), THRESHOLDS)
    assert a.sentence == (
        "Where site is a, the maps differ from those of the other samples: y is 5 on average in these 10 samples and 2 "
        "in "
        "the other 30 (Cliff's delta 0.80, corrected p 1e-05). These measures differ as well: x."
    )
    assert a.score == 0.8
    assert c.sentence == (
        "Where site is c, the maps differ from those of the other samples: the mean map has 30 % of its energy at "
        "other "
        "places (corrected p 0.003)."
    )
    assert c.score == 0.3


def test_nothing_was_tested():
    assert GroupFinding.find(Evidence(pd.DataFrame()), THRESHOLDS) == []
