"""Which samples are drawn, exported, checked and audited; known before anything has run."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from saliency.experiment.checks import checks
from saliency.experiment.plan import Plan


def audited_rows(table: pd.DataFrame, where: Mapping[str, str | Sequence[str]]) -> np.ndarray:
    """Which rows of a table are audited.

    Parameters
    ----------
    table
        Strings.
    where
        By column: a value, or several, of which a row has to have one.

    Examples
    --------
    >>> table = pd.DataFrame({"split": ["train", "test", "test"], "site": ["a", "a", "b"]})
    >>> audited_rows(table, {"split": "test", "site": ["a", "c"]}).tolist()
    [False, True, False]
    """
    chosen = np.ones(len(table), dtype=bool)
    for column, values in where.items():
        chosen &= table[column].isin([values] if isinstance(values, str) else values).to_numpy()
    return chosen


class Selection:
    """What the config chooses of an experiment's samples.

    Parameters
    ----------
    plan
        The experiment.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config = plan, plan.config

    @cached_property
    def chosen(self) -> pd.DataFrame:
        """Samples that get a figure of their own."""
        wanted, count = self.config["plots"]["samples"], self.config["plots"]["count"]
        samples = self.plan.samples
        return (
            samples[samples["id"].isin(wanted)]
            if isinstance(wanted, list)
            else samples.loc[self.positions(wanted, count)]
        )

    @property
    def exported(self) -> list[str]:
        """Ids of the samples whose maps are written as NIfTI."""
        wanted = self.config["export"]
        if isinstance(wanted, list):
            return wanted
        if wanted == "all":
            return self.plan.columns["id"]
        return self.chosen["id"].tolist() if wanted == "plotted" else []

    def positions(self, selection: str, count: int) -> np.ndarray:
        """Row numbers of a selection that needs no predictions: "first", "all" or "random" (with the config's seed)."""
        total = len(self.plan.samples)
        if selection == "random":
            return self._random_positions(count, self.config["plots"]["seed"])
        return np.arange(total if selection == "all" else min(count, total))

    def checked(self, check: str) -> np.ndarray:
        """Row numbers of the samples of a check of the audit, by its name."""
        return checks()[check].rows(self)

    def drawn(self, count: int) -> np.ndarray:
        """Row numbers of samples drawn with the audit's seed."""
        return self._random_positions(count, self.config["audit"]["seed"])

    def _random_positions(self, count: int, seed: int) -> np.ndarray:
        return np.sort(np.random.default_rng(seed).permutation(len(self.plan.samples))[:count])

    @property
    def audited(self) -> np.ndarray:
        """Row numbers ``(n,)`` of the samples that are audited."""
        return np.flatnonzero(audited_rows(self.plan.samples, self.config["audit"]["where"]))

    @property
    def audit_columns(self) -> list[str]:
        """Columns of the manifest by which samples are grouped."""
        wanted: list[str] | None = self.config["audit"]["columns"]
        if wanted is not None:
            return wanted
        others = ("id", "path", "label", "mask", "boxes", "volume", *self.config["audit"]["where"])
        return [name for name in self.plan.columns if name not in others and not name.startswith("path_")]
