"""Whether 0 is the background of a volume, as `intensity_over: nonzero` takes it to be."""

import numpy as np

from saliency.exceptions import InputError, Status

ADVICE = "set intensity_over to all"


def background_caution(values: np.ndarray) -> str | None:
    """Say what may be wrong with taking the voxels of value 0 for background.

    Computed tomography has air at -1000 and water at 0: with `nonzero`, water would become 0, which is the mean of all
    others, and lie above soft tissue.

    Parameters
    ----------
    values
        ``(i, j, k)``, as in the file.

    Returns
    -------
    str or None
        What to warn of: values below 0 around a background that may be one. None if nothing speaks against it.

    Raises
    ------
    InputError
        If the voxels at the border, which are background, are mostly below 0 while others inside are 0.

    Examples
    --------
    >>> background_caution(np.pad(np.full((2, 2, 2), 5.0), 1)) is None
    True
    """
    if values.min() >= 0 or (values != 0).all():
        return None
    border = np.concatenate([values.take(end, axis).ravel() for axis in range(3) for end in (0, -1)])
    middle = float(np.median(border))
    if middle < 0:
        raise InputError(
            Status.UNSUPPORTED,
            f"has {middle:g} at its border, so that 0 is no background, but intensity_over nonzero takes it for one "
            f"(of CT, that is water): {ADVICE}",
        )
    # Resampling by splines leaves a little below 0 around what is bright.
    if middle == 0 and values.min() > -0.01 * values.max():
        return None
    return (
        f"has values down to {values.min():g}, and those of 0 count as background (intensity_over: nonzero): where 0 "
        f"is a value as others are, as in CT, {ADVICE}"
    )
