import json

import numpy as np
import pandas as pd

from saliency.audit.document import to_json
from saliency.audit.findings.ranking import ranked_findings
from tests.helpers.audit_data import THRESHOLDS, dataset, evidence, findings


def test_without_anything_planted_nothing_is_found():
    assert [len(findings(*dataset(seed, marked=0.0))) for seed in range(5)] == [0] * 5


def test_failed_and_unlabelled_samples_are_left_out():
    samples, maps, inputs = dataset()
    failed = np.arange(len(samples)) % 10 == 0
    maps[failed], inputs[failed] = np.nan, np.nan
    samples.loc[failed, ["class", "correct", "spread", "zero_map"]] = pd.NA
    samples.loc[1::5, "correct"] = pd.NA
    known = evidence(samples, maps, inputs)
    found, left_out = ranked_findings(known, THRESHOLDS)
    assert known.tested["maps"] == (~failed).sum()
    assert found[0].kind == "shortcut"
    json.loads(to_json(found, left_out, known.tested, known.settings))
