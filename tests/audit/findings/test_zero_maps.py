import numpy as np
import pandas as pd

from saliency.audit.evidence import Evidence
from saliency.audit.findings.zero_maps import ZeroMapsFinding
from tests.helpers.audit_data import THRESHOLDS

SAMPLES = pd.DataFrame(
    {
        "id": [f"s{number}" for number in range(200)],
        "class": np.repeat([0, 1], 100),
        "zero_map": np.repeat([0.0, 1.0, 0.0], [97, 13, 90]),
    }
)


def test_maps_that_are_zero_everywhere():
    (found,) = ZeroMapsFinding.find(Evidence(SAMPLES), THRESHOLDS)
    assert found.sentence == (
        "Class 1: the map is zero everywhere in 10 % of 100 samples: nothing in the target layer speaks for the class "
        "there, and these maps explain nothing."
    )
    assert found.score == 0.1
    assert found.samples == ["s100", "s101", "s102", "s103", "s104"]


def test_the_share_that_is_allowed():
    found = ZeroMapsFinding.find(Evidence(SAMPLES), THRESHOLDS | {"max_zero": 0.02})
    assert [finding.numbers["class"] for finding in found] == [0, 1]


def test_samples_without_a_map_do_not_count():
    samples = pd.DataFrame({"id": ["a", "b"], "class": 0, "zero_map": np.nan})
    assert ZeroMapsFinding.find(Evidence(samples), THRESHOLDS) == []
