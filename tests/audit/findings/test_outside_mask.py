import numpy as np
import pandas as pd
import pytest

from saliency.audit.evidence import Evidence
from saliency.audit.findings.outside_mask import OutsideMaskFinding
from saliency.audit.groups import describe_groups
from tests.helpers.audit_data import THRESHOLDS


def test_a_class_whose_maps_lie_beside_the_mask():
    rng = np.random.default_rng(0)
    samples = pd.DataFrame(
        {
            "id": [f"s{number}" for number in range(200)],
            "class": np.repeat([0, 1], 100),
            "name": np.repeat(["cat", "dog"], 100),
            "energy_ratio": np.concatenate([rng.normal(0.4, 0.05, 100), rng.normal(1.5, 0.05, 100)]),
        }
    )
    summary = describe_groups(samples, samples["class"], ["energy_ratio"])
    (found,) = OutsideMaskFinding.find(Evidence(samples, summary=summary), THRESHOLDS)
    median = samples["energy_ratio"][:100].median()
    assert found.sentence.startswith(
        f"Class 0 (cat): the model looks beside the object: the mask holds only {median:.2f} times the energy that an "
        "even map would have there (median of 100 samples, confidence interval 0."
    )
    assert found.score == pytest.approx(1 - median)
    assert found.samples == samples.nsmallest(5, "energy_ratio")["id"].tolist()


def test_an_interval_that_reaches_an_even_map_is_no_finding():
    samples = pd.DataFrame({"id": list("abcd"), "class": 0, "energy_ratio": [0.8, 0.9, 1.1, 1.2]})
    summary = describe_groups(samples, samples["class"], ["energy_ratio"])
    assert OutsideMaskFinding.find(Evidence(samples, summary=summary), THRESHOLDS) == []
