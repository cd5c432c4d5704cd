"""Colour maps of the report. All can be told apart with any kind of colour vision, and in grey."""

import base64

import numpy as np
from matplotlib import colormaps

# For maps from 0 on, and for signed maps: red and green never stand for opposites.
SEQUENTIAL = {"viridis": "Viridis", "cividis": "Cividis", "inferno": "Inferno", "gray": "Grey"}
DIVERGING = {"RdBu_r": "Blue to red", "PuOr_r": "Purple to orange", "gray": "Grey"}


def colour_table(name: str) -> str:
    r"""Colours of the 256 levels, three bytes each, in Base64.

    Examples
    --------
    >>> base64.b64decode(colour_table("gray"))[:6]
    b'\x00\x00\x00\x01\x01\x01'
    """
    colours = colormaps[name](np.arange(256) / 255, bytes=True)
    return base64.b64encode(colours[:, :3].tobytes()).decode()
