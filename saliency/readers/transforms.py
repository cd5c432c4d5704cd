"""A function of the user's between decoding a sample and resizing it."""

import numpy as np

from saliency.exceptions import InputError, Status, in_one_line
from saliency.files.callables import ONE_AT_A_TIME, load_callable


def transformed(values: np.ndarray, transform: str | None, same_shape: bool = False) -> np.ndarray:
    """Hand a decoded sample to the config's ``input.transform``.

    Parameters
    ----------
    values
        ``(c, *spatial)``, float32.
    transform
        ``package.module:callable``; None leaves values as they are.
    same_shape
        Whether it has to keep the spatial shape, as of volumes, whose affine is that of the file.

    Raises
    ------
    InputError
        If it raises, or returns something else than an array of as many axes.
    DataError
        If it cannot be found.

    Examples
    --------
    >>> transformed(np.array([[[4.0, 9.0]]], dtype=np.float32), "numpy:sqrt").tolist()
    [[[2.0, 3.0]]]
    """
    if transform is None:
        return values
    function = load_callable(transform, "input.transform")
    try:
        with ONE_AT_A_TIME:
            found = np.asarray(function(values))
    except Exception as error:
        raise InputError(
            Status.UNREADABLE, f"input.transform {transform} raised {in_one_line(error)}: mend it or remove the row"
        ) from error
    if found.ndim != values.ndim or found.dtype.kind not in "biuf" or min(found.shape) < 1:
        raise InputError(
            Status.WRONG_SHAPE,
            f"input.transform {transform} returned {found.dtype} values of shape {found.shape} for {values.shape}: "
            "return real numbers with channels first",
        )
    if same_shape and found.shape[1:] != values.shape[1:]:
        raise InputError(
            Status.WRONG_SHAPE,
            f"input.transform {transform} made shape {found.shape[1:]} of {values.shape[1:]}: keep the voxels of the "
            "file",
        )
    return found.astype(np.float32)
