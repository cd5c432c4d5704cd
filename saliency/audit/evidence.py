"""What an audit computed of one target, from which findings are told; and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from saliency.audit.clusters import Clusters
from saliency.audit.groups import SUMMARY_COLUMNS, TEST_COLUMNS
from saliency.audit.performance import PERFORMANCE_COLUMNS
from saliency.audit.shortcuts import Place

MAP_TEST_COLUMNS = ("column", "group", "distance", "p")


@dataclass(frozen=True)
class Evidence:
    """What an audit computed.

    Attributes
    ----------
    samples
        One row per sample, numbered from 0: ``id``, ``class`` (the explained one, NaN where there is none), ``name``
        (of the class, may be ""), ``correct``, the measures, and the manifest's columns.
    groups
        By column of the manifest: each sample's group, NaN where it has none (`groups.grouping_columns`).
    places
        Of all classes (`shortcuts.find_shortcuts`).
    clusters
        By class, of the samples of that class, in order (`clusters.cluster_maps`).
    tests
        Of the groups' measures (`groups.compare_groups`).
    map_tests
        ``column, group, distance, p``: of the groups' mean maps (`mean_maps.mean_map_test`), uncorrected.
    summary
        Measures by class (`groups.describe_groups`); the groups are the classes.
    checks
        By name of a check that findings read (`saliency.audit.checks.check.Check`): its table; likewise "facts_test"
        and "duplicates" (`saliency.audit.leakage`). Only the first target has them.
    tested
        How much was looked at, by what it is.
    settings
        Of the audit.
    performance
        Accuracy, recall and precision (`performance.performance`), of the first target only.

    Examples
    --------
    >>> samples = pd.DataFrame({"id": ["a", "b"], "class": [3, 3], "correct": [True, None]})
    >>> evidence = Evidence.from_json(Evidence(samples, tested={"contrast": 0.1}).to_json(), samples, {})
    >>> evidence.tested, evidence.classes, evidence.ids(evidence.rows_of_class(3)), evidence.accuracy(np.array([0, 1]))
    ({'contrast': 0.1}, [3], ['a', 'b'], 1.0)
    """

    samples: pd.DataFrame
    groups: Mapping[str, pd.Series] = field(default_factory=dict)
    places: Sequence[Place] = ()
    clusters: Mapping[int, Clusters] = field(default_factory=dict)
    tests: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TEST_COLUMNS)))
    map_tests: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(MAP_TEST_COLUMNS)))
    summary: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SUMMARY_COLUMNS)))
    checks: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    tested: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    performance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PERFORMANCE_COLUMNS)))

    @property
    def classes(self) -> list[int]:
        """Indices of the explained classes, in order."""
        return [int(index) for index in sorted(self.samples["class"].dropna().unique())]

    @property
    def correct(self) -> np.ndarray:
        """Whether the model is right, ``(n,)``: 1 or 0, NaN where that is not known."""
        return self.samples["correct"].to_numpy(dtype=float, na_value=np.nan)

    def rows_of_class(self, index: int) -> np.ndarray:
        """Rows of a class's samples."""
        return np.flatnonzero(self.samples["class"].eq(index).fillna(False).to_numpy(dtype=bool))

    def accuracy(self, rows: np.ndarray) -> float:
        """Share of some samples in which the model is right, NaN where that is not known."""
        correct = self.correct[rows]
        return float(np.nanmean(correct)) if np.isfinite(correct).any() else np.nan

    def ids(self, rows: np.ndarray) -> list[str]:
        """Ids of some samples."""
        return self.samples["id"].iloc[rows].astype(str).tolist()

    def to_json(self) -> str:
        """Write all but what has files of its own, `samples`, `groups` and `checks`, with all digits of each number."""
        content = {
            "places": [asdict(place) for place in self.places],
            "clusters": {str(index): asdict(found) for index, found in self.clusters.items()},
            "tests": self.tests.to_dict("list"),
            "map_tests": self.map_tests.to_dict("list"),
            "summary": self.summary.to_dict("list"),
            "performance": self.performance.to_dict("list"),
            "tested": self.tested,
            "settings": self.settings,
        }
        return json.dumps(content, default=_plain) + "\n"

    @classmethod
    def from_json(
        cls,
        text: str,
        samples: pd.DataFrame,
        groups: Mapping[str, pd.Series],
        checks: Mapping[str, pd.DataFrame] | None = None,
    ) -> Evidence:
        """Read what `to_json` wrote of these samples, groups and checks."""
        content = json.loads(text)
        return cls(
            samples,
            groups,
            [_place(entry) for entry in content["places"]],
            {int(index): _clusters(entry) for index, entry in content["clusters"].items()},
            **{name: pd.DataFrame(content[name]) for name in ("tests", "map_tests", "summary", "performance")},
            checks=dict(checks or {}),
            tested=content["tested"],
            settings=content["settings"],
        )


def _plain(value: Any) -> Any:
    """JSON knows neither arrays nor their numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _rows(numbers: Sequence[int]) -> np.ndarray:
    return np.array(numbers, dtype=int)


def _place(entry: Mapping[str, Any]) -> Place:
    corners = {name: tuple(entry[name]) for name in ("begin", "end")}
    return Place(**{**entry, **corners, "members": _rows(entry["members"])})


def _clusters(entry: Mapping[str, Any]) -> Clusters:
    numbers = {name: np.array(entry[name], dtype=float) for name in ("eigenvalues", "isolation", "centres")}
    exemplars = [_rows(of_cluster) for of_cluster in entry["exemplars"]]
    return Clusters(**{**entry, **numbers, "labels": _rows(entry["labels"]), "exemplars": exemplars})
