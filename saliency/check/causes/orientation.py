"""Axes that run the other way, or in another order, than those that the network learned."""

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from saliency.check.cause import InputCause, Labelled

NAMES = {4: ("vertical", "horizontal"), 5: ("x", "y", "z")}


class Orientation(InputCause):
    """Tried with every set of flipped axes, and every order of axes that have the same length."""

    name = "orientation"
    title = "orientation"
    remedy = "let the factory return the network behind a layer that flips or exchanges these axes"

    @classmethod
    def variants(cls, samples: Labelled) -> Iterator[tuple[str, np.ndarray]]:
        """Flips, then orders."""
        seen = samples.seen
        axes, names = range(2, seen.ndim), NAMES[seen.ndim]
        for count in range(1, len(names) + 1):
            for flipped in combinations(axes, count):
                which = " and ".join(names[axis - 2] for axis in flipped)
                yield f"the {which} {'axis' if count == 1 else 'axes'} flipped", np.flip(seen, flipped)
        for order in list(permutations(axes))[1:]:
            if [seen.shape[axis] for axis in order] == list(seen.shape[2:]):
                which = ", ".join(names[axis - 2] for axis in order)
                yield f"the axes in the order {which}", seen.transpose(0, 1, *order)
