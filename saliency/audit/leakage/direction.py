"""In which class a fact differs most from the others, and in which direction, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from saliency.audit.facts.registered import facts


def direction(name: str, values: pd.Series, classes: np.ndarray) -> dict[str, object]:
    r"""Say in which class a fact differs most from all others.

    Of numbers it is the class with the largest Cliff's delta without its sign, :math:`|2 U / (n m) - 1|` of its
    :math:`n` values against the :math:`m` others (Mann & Whitney's :math:`U`); of texts the class, and the text, with
    the largest difference of shares.

    Parameters
    ----------
    name
        Of the fact.
    values
        ``(n,)``; NaN does not count.
    classes
        ``(n,)``: class indices.

    Returns
    -------
    dict
        ``class``, ``effect`` (the delta, or the difference of shares) and ``words``; empty where only one class has the
        fact.

    Examples
    --------
    >>> direction("format", pd.Series(["PNG", "PNG", "JPEG", "JPEG"]), np.array([3, 3, 5, 5]))
    {'class': 3, 'effect': 1.0, 'words': 'the format is PNG in 100 % of the samples (against 0 %)'}
    """
    from scipy.stats import rankdata

    known = values.notna().to_numpy()
    values, codes = values[known], pd.factorize(classes[known], sort=True)
    if len(codes[1]) < 2:
        return {}
    title, counts = facts()[name].title, np.bincount(codes[0]).astype(float)
    others = len(values) - counts
    if not pd.api.types.is_numeric_dtype(values):
        crossed = pd.crosstab(codes[0], values.to_numpy())
        share = crossed.to_numpy() / counts[:, np.newaxis]
        rest = (crossed.to_numpy().sum(axis=0) - crossed.to_numpy()) / others[:, np.newaxis]
        # What a class has more of is easier said than what it lacks.
        place, text = np.unravel_index((share - rest).argmax(), share.shape)
        shares = f"in {100 * share[place, text]:.0f} % of the samples (against {100 * rest[place, text]:.0f} %)"
        effect, words = float((share - rest)[place, text]), f"the {title} is {crossed.columns[text]} {shares}"
        return {"class": int(codes[1][place]), "effect": effect, "words": words}
    ranks = np.bincount(codes[0], rankdata(values))
    delta = 2 * (ranks - counts * (counts + 1) / 2) / (counts * others) - 1
    place = int(np.abs(delta).argmax())
    inside = codes[0] == place
    medians = [facts()[name].shown(float(values[side].median())) for side in (inside, ~inside)]
    compared = "higher" if delta[place] > 0 else "lower"
    words = f"the {title} is {compared} (median {' against '.join(medians)})"
    return {"class": int(codes[1][place]), "effect": float(delta[place]), "words": words}
