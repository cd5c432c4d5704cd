"""Which of a model's outputs are its scores: found where that is certain, asked for where it is not."""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch

from saliency.methods.passes.model_output import model_scores

SCORES, FEATURES = torch.randn(2, 4), torch.randn(2, 16)
Inception = namedtuple("Inception", ["logits", "aux_logits"])


@dataclass
class Record:
    logits: torch.Tensor
    features: torch.Tensor


class Plain:
    """An object whose scores are a property."""

    def __init__(self):
        self.features = FEATURES

    @property
    def scores(self):
        return SCORES


def transformers_output():
    outputs = pytest.importorskip("transformers.modeling_outputs")
    return outputs.ImageClassifierOutput(logits=SCORES, hidden_states=(FEATURES, FEATURES + 1))


@pytest.mark.parametrize(
    "returned",
    [
        SCORES,
        (SCORES,),
        [SCORES, None],
        (SCORES, None, torch.tensor(0.5), torch.arange(2)),
        {"pred": SCORES},
        {"result": {"pred": SCORES}},
        {"logits": SCORES, "pooled": FEATURES},
        {"out": SCORES, "aux": SCORES + 1},
        Inception(SCORES, SCORES + 1),
        Record(SCORES, FEATURES),
        transformers_output,
    ],
)
def test_what_is_certain_is_found(returned):
    assert torch.equal(model_scores(returned() if callable(returned) else returned, 2), SCORES)


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        ((FEATURES, SCORES), 1),
        ((FEATURES, SCORES), "1"),
        ({"logits": FEATURES, "pred": SCORES}, "pred"),
        (Inception(FEATURES, SCORES), "aux_logits"),
        (Inception(FEATURES, SCORES), 1),
        (Record(FEATURES, SCORES), "features"),
        ({"heads": [FEATURES, SCORES]}, "heads.1"),
        ({3: SCORES, 4: FEATURES}, 3),
        (Plain(), "scores"),
    ],
)
def test_output_chooses(returned, output):
    assert torch.equal(model_scores(returned, 2, output), SCORES)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ((FEATURES, SCORES), r"a tuple with several .*: 0 \[2, 16\], 1 \[2, 4\]; say which, such as output: 1$"),
        ((SCORES, FEATURES.view(2, 4, 2, 2)), r"0 \[2, 4\], 1 \[2, 4, 2, 2\]; say which, such as output: 0$"),
        ({"pred": SCORES, "x": [FEATURES]}, r"pred \[2, 4\], x\.0 \[2, 16\]; say which, such as output: x.0$"),
        ((SCORES, SCORES + 1), "several tensors that could be its scores"),
        (
            [{"boxes": FEATURES, "labels": SCORES}],
            "a list of dicts .boxes, labels., as detection models do: let factory",
        ),
        ({}, "a dict without a tensor"),
        ("scores", "a str without a tensor"),
        (None, "a NoneType without a tensor"),
        (torch.zeros(2, 4, 3), r"a tensor of shape \[2, 4, 3\]"),
        (torch.zeros(()), r"a tensor of shape \[\]"),
        (torch.zeros(3, 4), r"scores of shape \[3, 4\] for 2 samples"),
        (torch.zeros(4), r"scores of shape \[4, 1\] for 2 samples"),
        (torch.zeros(8, 4, 2, 2), r"scores of shape \[8, 4, 2, 2\] for 2 samples"),
    ],
)
def test_what_is_not_certain_is_asked_for(returned, message):
    with pytest.raises(ValueError, match=message) as error:
        model_scores(returned, 2)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (2, r"output: 2: the model returned a tuple, in which that is no tensor; it has: 0 \[2, 16\], 1 \[2, 4\]"),
        ("logits", "output: logits: the model returned a tuple"),
        ("0.1", "output: 0.1: "),
    ],
)
def test_output_that_is_not_there(output, message):
    with pytest.raises(ValueError, match=message):
        model_scores((FEATURES, SCORES), 2, output)


def test_a_plain_tensor_has_no_further_outputs():
    with pytest.raises(ValueError, match="output: 0: the model returned a single tensor: leave output out"):
        model_scores(SCORES, 2, 0)


@pytest.mark.parametrize(
    ("returned", "samples", "shape"),
    [
        (torch.zeros(3), 3, [3, 1]),
        (torch.zeros(3), 1, [1, 3]),
        (torch.zeros(()), 1, [1, 1]),
        (torch.zeros(2, 5, 1, 1), 2, [2, 5]),
        (torch.zeros(2, 5, 1, 1, 1), 2, [2, 5]),
        (torch.zeros(2, 5, 1, 2), 2, [2, 5, 1, 2]),
    ],
)
def test_shapes(returned, samples, shape):
    assert list(model_scores(returned, samples).shape) == shape


def test_many_outputs_are_counted():
    with pytest.raises(ValueError, match=r"11 \[2, 4\], and 3 more; say which"):
        model_scores([SCORES] + [SCORES + number for number in range(14)], 2)
