"""From label images to masks."""

from collections.abc import Sequence

import numpy as np


def chosen_labels(labels: np.ndarray, values: Sequence[int] | None) -> np.ndarray:
    """Turn a label image into a mask: where a label is one of `values`, or with None, is not 0.

    Examples
    --------
    >>> chosen_labels(np.array([0, 1, 2]), None).tolist(), chosen_labels(np.array([0, 1, 2]), [2]).tolist()
    ([False, True, True], [False, False, True])
    """
    return labels != 0 if values is None else np.isin(labels, values)
