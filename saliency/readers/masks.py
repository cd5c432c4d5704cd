"""From label images to masks."""

from collections.abc import Sequence

import numpy as np

from saliency.exceptions import InputError, Status

# Of values that floating point arithmetic has rounded.
ROUNDING = 1e-4


def chosen_labels(labels: np.ndarray, values: Sequence[int] | None) -> np.ndarray:
    """Turn a label image into a mask: where a label is one of `values`, or with None, is not 0.

    Examples
    --------
    >>> chosen_labels(np.array([0, 1, 2]), None).tolist(), chosen_labels(np.array([0, 1, 2]), [2]).tolist()
    ([False, True, True], [False, False, True])
    """
    return labels != 0 if values is None else np.isin(labels, values)


def whole_labels(labels: np.ndarray, values: Sequence[int] | None, step: float = 0.0) -> np.ndarray:
    """Undo what storing labels as scaled integers did to them: 1.976 was 2 where values are multiples of 0.047.

    Parameters
    ----------
    labels
        As the file gives them.
    values
        Those that belong to the mask; None for all but 0, which need not be whole numbers.
    step
        Between the values that the file can hold (a NIfTI's ``scl_slope``); 0 where they are not scaled. A label is off
        by half of it at most.

    Returns
    -------
    ndarray
        Whole numbers; with `values` None also others, as they are.

    Raises
    ------
    InputError
        If labels are asked for, and are no whole numbers, nor can have been.

    Examples
    --------
    >>> whole_labels(np.array([0, 0.9882, 1.9765, 12]), [1], 12 / 255).tolist()
    [0.0, 1.0, 2.0, 12.0]
    """
    if labels.dtype.kind in "biu":
        return labels
    whole = np.round(labels)
    # Steps of 1 and more do not tell one whole number from the next.
    tolerance = ROUNDING + (step / 2 if step < 1 else 0)
    near = np.abs(labels - whole) <= tolerance
    if values is None or near.all():
        return np.where(near, whole, labels)
    found = labels[~near].flat[0]
    scaled = f", scaled by {step:g}," if step not in (0, 1) else ""
    raise InputError(
        Status.UNSUPPORTED,
        f"mask holds {found:g}{scaled} and other labels that are no whole numbers, as mask_values are: save it as "
        "integers",
    )
