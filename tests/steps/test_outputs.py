"""What a network's outputs mean, from the config to the store."""

import numpy as np
import pytest

from saliency.exceptions import DataError
from saliency.steps.fused import fused
from tests.helpers.shards import run_steps

NETWORKS = "tests.helpers.networks"


def model(name, **settings):
    return {"models": {"tiny": {"factory": f"{NETWORKS}:{name}", **settings}}}


def assert_equal_stores(one, other):
    assert one.plan.arrays == other.plan.arrays
    for name in one.plan.arrays:
        np.testing.assert_array_equal(one.read(name), other.read(name), err_msg=name)


@pytest.mark.parametrize("write", [run_steps, fused])
def test_output_chooses_among_several(job, write):
    plain, features_first = job("plain", **model("Pooled")), job("features_first", **model("FeaturesFirst", output=1))
    for made in (plain, features_first):
        write(made)
    assert_equal_stores(features_first, plain)


@pytest.mark.parametrize("ignore_lastlayer", [False, True])
def test_one_position_is_a_classification(job, ignore_lastlayer):
    settings = {"kwargs": {"last": "log_softmax"}, "ignore_lastlayer": ignore_lastlayer}
    targets = {"targets": ["predicted", "label", 1]}
    flat, one = (job(name, **model(name, **settings), **targets) for name in ("Pooled", "OnePosition"))
    for made in (flat, one):
        run_steps(made)
    assert_equal_stores(one, flat)
    assert np.abs(one.read("class-1/guided_backprop")).max() > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (model("FeaturesFirst"), r"0 \[1, 16\], 1 \[1, 4\]; say which, such as output: 1$"),
        (model("FeaturesFirst", output="logits"), "output: logits: the model returned a tuple"),
        (model("Pooled", output=0), "output: 0: the model returned a single tensor"),
        (model("AnotherBatch"), r"scores of shape \[3, 4\] for 1 sample: "),
        (model("Detector"), "a list of dicts .boxes, scores., as detection models do: "),
    ],
)
def test_what_cannot_be_read_is_named_before_any_work(job, settings, message):
    with pytest.raises(DataError, match=message) as error:
        job(**settings)
    assert str(error.value).startswith("models.tiny: for an input of shape [1, 3, 30, 30]: ")
    assert "\n" not in str(error.value)
