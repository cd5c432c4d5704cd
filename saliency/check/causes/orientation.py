"""Axes that run the other way, or in another order, than those that the network learned."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from saliency.check.cause import Attempt, Cause, Labelled
from saliency.methods.passes.turned_axes import BEGINS, ENDS, TurnedAxes

NAMES = {4: ("vertical", "horizontal"), 5: ("x", "y", "z")}
# Axes of a volume in the directions of DICOM and ITK, whose arrays have them in another order.
LPS = (0, 1)


class Orientation(Cause):
    """Tried with every set of flipped axes, and every order of axes that have the same length.

    Orders of a volume's axes are tried in the directions of NIfTI and in those of ITK.
    """

    name = "orientation"
    title = "orientation"
    remedy = "turn the files, or where there are no masks or boxes their pixels with input.transform"

    @classmethod
    def attempts(cls, samples: Labelled, predict: Callable[[np.ndarray], np.ndarray]) -> Iterator[Attempt]:
        """Flips, then orders."""
        seen = samples.seen
        spatial = seen.ndim - 2
        for order, flipped in _turns(seen.shape[2:]):
            turned = np.flip(seen.transpose(0, 1, *(2 + axis for axis in order)), tuple(2 + axis for axis in flipped))
            if np.allclose(turned, seen):
                continue
            words, remedy = _words(order, flipped, NAMES[seen.ndim]), ""
            if spatial == len(ENDS):
                letters = [(BEGINS if at in flipped else ENDS)[axis] for at, axis in enumerate(order)]
                remedy = f"set input.orientation: {samples.axes.also(TurnedAxes(''.join(letters))).code}"
            yield Attempt(words, predict(np.ascontiguousarray(turned, dtype=seen.dtype)), remedy)


def _turns(lengths: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Which axis each one becomes, and which of the new ones are flipped."""
    axes = tuple(range(len(lengths)))
    for count in range(1, len(axes) + 1):
        for flipped in combinations(axes, count):
            yield axes, flipped
    for order in list(permutations(axes))[1:]:
        if [lengths[axis] for axis in order] == list(lengths):
            yield order, ()
            if len(axes) == len(ENDS):
                yield order, tuple(at for at, axis in enumerate(order) if axis in LPS)


def _words(order: Sequence[int], flipped: Sequence[int], names: Sequence[str]) -> str:
    turned = " and ".join(names[axis] for axis in sorted(order[at] for at in flipped))
    if list(order) == sorted(order):
        return f"the {turned} {'axis' if len(flipped) == 1 else 'axes'} flipped"
    ordered = f"the axes in the order {', '.join(names[axis] for axis in order)}"
    return f"{ordered} and {turned} flipped" if flipped else ordered
