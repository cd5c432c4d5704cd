"""What a measure is: one object that describes itself beside the formula, and measures the maps of one target.

Everything that the rest has to know of a measure is read from its object: the columns of the tables, configs, digests,
documentation and the report. So a measure is one file in this folder. It is imported while jobs are planned, and
imports torch and scipy inside its functions only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from saliency.methods.axes import SPATIAL_NAMES
from saliency.methods.registered import method
from saliency.metrics.batch import Measured
from saliency.registry.key import Key


@dataclass(frozen=True)
class Measure:
    """A quantity of each map.

    Attributes
    ----------
    name
        Of its column in the tables; of several columns, what their names begin with.
    title
        In figures and on the page.
    meaning
        One sentence for ``config/README.md``; Markdown.
    values
        Computes it, float64: ``(n,)``, or ``(n, columns)`` as `per` says; NaN where it has no value. It is called where
        there is what it `needs`.
    range
        Smallest and largest possible value; None where there is none.
    direction
        Which values speak for the map; None where neither do.
    chance
        What a map that knows nothing has on average: a number, or the name of the measure that gives it; None where
        that is not known.
    needs
        What the experiment must have: a "mask", two "methods" of which one is on the input's grid, or two "targets".
    per
        Whether there is a column for each spatial "axis", or each measured "method".
    keys
        Its settings, which a config has in ``audit``. Measures may share one.
    version
        Raise it when a change to the code changes the values: shards are then measured again.

    Examples
    --------
    >>> largest = Measure(
    ...     "largest", "Largest value", "The largest value.", lambda measured: measured.maps.max(axis=(1, 2)), (0, None)
    ... )
    >>> largest.columns(2, [])
    {'largest': 'Largest value'}
    """

    name: str
    title: str
    meaning: str
    values: Callable[[Measured], np.ndarray]
    range: tuple[float | None, float | None]
    direction: Literal["higher is better", "lower is better"] | None = None
    chance: str | float | None = None
    needs: Literal["mask", "methods", "targets"] | None = None
    per: Literal["axis", "method"] | None = None
    keys: tuple[Key, ...] = ()
    version: int = 1

    def columns(self, ndim: int, methods: Sequence[str]) -> dict[str, str]:
        """Columns of the tables, and the title of each.

        Parameters
        ----------
        ndim
            Number of spatial axes.
        methods
            Names of the measured ones, in order.
        """
        if self.per is None:
            return {self.name: self.title}
        parts = {axis: axis for axis in SPATIAL_NAMES[ndim]}
        if self.per == "method":
            parts = {name: method(name).title for name in methods}
        return {f"{self.name}_{part}": f"{self.title}: {title}" for part, title in parts.items()}
