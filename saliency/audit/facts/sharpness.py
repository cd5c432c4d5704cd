"""How sharp a photograph is."""

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Picture


def sharpness(picture: Picture) -> dict[str, Value]:
    r"""Variance of the Laplacian of the luminance, on the scale 0 … 255.

    .. math:: \mathrm{Var}(Y_{i+1,j} + Y_{i-1,j} + Y_{i,j+1} + Y_{i,j-1} - 4 Y_{i,j})

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000,
    https://doi.org/10.1109/ICPR.2000.903548

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> sharpness(Picture(Path("a.npy"), np.full((1, 8, 8), 0.5), None))
    {'sharpness': 0.0}
    """
    from scipy.ndimage import laplace

    return {"sharpness": float(laplace(picture.luminance * 255).var())}


SHARPNESS = FactGroup(
    "sharpness",
    "Variance of the Laplacian: high for sharp pictures and for noise.",
    (Fact("sharpness", "sharpness (variance of the Laplacian)"),),
    sharpness,
    "2D",
    content=True,
)
