import pandas as pd
import pytest

from saliency.audit.evidence import Evidence
from saliency.audit.findings.random_weights import RandomWeightsFinding
from saliency.audit.findings.ranking import ranked_findings
from tests.helpers.audit_data import THRESHOLDS

SAMPLES = pd.DataFrame({"id": ["a"], "class": [0], "correct": [True], "zero_map": [0.0]})


def found(**known):
    evidence = Evidence(SAMPLES, tested={"random_weights": {"model": "net", "tensors": 7} | known})
    return ranked_findings(evidence, THRESHOLDS)[0]


def test_random_weights_are_said_first():
    (finding,) = found(differ=5)
    assert finding.sentence == (
        "The weights of models.net are random: 5 of 7 parameter tensors differ between two builds by its factory, and "
        "the config has no weights for it. Its predictions and maps say nothing about the data. Set models.net.weights."
    )
    assert finding.numbers == {"differ": 5, "tensors": 7}


def test_what_is_not_known_is_said_as_such():
    (finding,) = found(differ=None, tensors=None)
    assert finding.sentence.startswith("models.net has no weights in the config: if its factory loads none, ")


@pytest.mark.parametrize("tested", [{}, {"random_weights": {"model": "net", "differ": 0, "tensors": 7}}])
def test_weights_of_a_factory_that_loads_them_are_none(tested):
    assert RandomWeightsFinding.find(Evidence(SAMPLES, tested=tested), THRESHOLDS) == []
