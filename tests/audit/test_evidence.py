import json

import numpy as np
import pandas as pd
import pytest

from saliency.audit.evidence import Evidence
from saliency.audit.findings.ranking import ranked_findings
from tests.helpers.audit_data import THRESHOLDS, dataset, evidence


@pytest.mark.parametrize("grid", [(6, 6), (4, 4, 4)])
def test_findings_are_the_same_after_writing_and_reading(grid):
    known = evidence(*dataset(marked=0.5, grid=grid))
    read = Evidence.from_json(known.to_json(), known.samples, known.groups)
    for name in ("tests", "map_tests", "summary"):
        written = getattr(known, name).reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(read, name), written, check_exact=True, check_dtype=False)
    loose = THRESHOLDS | {"alpha": 0.9, "min_isolation": -1, "min_effect": 0, "min_distance": 0}
    findings, expected = ranked_findings(read, loose), ranked_findings(known, loose)
    assert {finding.kind for finding in expected[0]} >= {"shortcut", "cluster", "group"}
    assert findings == expected


def test_no_digit_is_lost_and_what_is_not_finite_stays():
    summary = pd.DataFrame({"group": [1], "mean": [0.1 + 0.2], "median": [np.nan]})
    text = Evidence(pd.DataFrame(), summary=summary, tested={"largest": -np.inf, "count": np.int64(3)}).to_json()
    assert json.loads(text)["summary"]["mean"] == [0.1 + 0.2] != [0.3]
    read = Evidence.from_json(text, pd.DataFrame(), {})
    assert read.tested == {"largest": -np.inf, "count": 3}
    assert np.isnan(read.summary["median"][0])


def test_samples_of_classes_where_some_have_none():
    samples = pd.DataFrame(
        {
            "id": list("abcd"),
            "class": pd.array([2, None, 0, 2], dtype="Int64"),
            "correct": pd.array([True, False, None, False], dtype="boolean"),
        }
    )
    known = Evidence(samples)
    assert known.classes == [0, 2]
    assert known.ids(known.rows_of_class(2)) == ["a", "d"]
    assert known.accuracy(known.rows_of_class(2)) == 0.5
    assert np.isnan(known.accuracy(known.rows_of_class(0)))
