"""Values as JSON can hold them."""

import math
from collections.abc import Mapping


def plain(value: object) -> object:
    """Turn NumPy's numbers into Python's, keys into text, and NaN and infinities into None, at any depth.

    Examples
    --------
    >>> plain({1: (float("nan"), 2)})
    {'1': [None, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
