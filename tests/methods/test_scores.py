"""Which class is predicted: one rule, for tensors, for stored scores, and for the table of predictions."""

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from saliency.methods.passes.scores import select_classes
from saliency.methods.scores import ranked_classes
from saliency.steps.predictions import predictions_table

# Few values, so that there are many ties.
SCORES = st.tuples(st.integers(1, 4), st.integers(2, 30)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0]))
)


@settings(deadline=None)
@given(SCORES)
def test_of_equal_scores_the_first_class_counts_everywhere(scores):
    first = [row.index(max(row)) for row in scores.tolist()]
    second = [
        max((value, -index) for index, value in enumerate(row) if index != best)
        for row, best in zip(scores.tolist(), first, strict=True)
    ]
    assert ranked_classes(scores, 0).tolist() == select_classes(torch.from_numpy(scores), None).tolist() == first
    runner_up = [-index for _, index in second]
    assert ranked_classes(scores, 1).tolist() == runner_up
    assert select_classes(torch.from_numpy(scores), "runner_up").tolist() == runner_up
    samples = pd.DataFrame({"id": [str(number) for number in range(len(scores))]})
    table = predictions_table(samples, np.full(len(scores), -1), np.zeros(len(scores), dtype=int), scores)
    assert table["predicted_class"].tolist() == first


def test_half_precision_has_the_same_rule():
    scores = torch.tensor([[0.5, 2.0, 2.0, 2.0, -1.0]], dtype=torch.bfloat16)
    assert select_classes(scores, None).tolist() == [1]
    assert select_classes(scores, "runner_up").tolist() == [2]
