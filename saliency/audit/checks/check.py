"""What a check of the audit is: something that runs a model again on some samples, and writes tables and figures."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from saliency.methods.method import Cost
from saliency.registry.key import Key

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from saliency.experiment.config import Config
    from saliency.experiment.selection import Selection


# What `CheckOfPredictions.smallest_share` says, where findings say what was looked at.
SMALLEST = "smallest share of turned pictures that they show"


@dataclass(frozen=True)
class CheckJob:
    """What a check works on.

    Attributes
    ----------
    config
        The completed config, with the check's block in ``audit``.
    model
        Model name.
    target
        Name of the target; "" where the check is done once for a model.
    files
        By array (its name, without the target): its files of the shards that hold the check's samples, in order. Also
        by check that it reads: the table.
    descriptions
        The model's JSON descriptions.
    outputs
        Files to write, by the names in `Check.files`.
    """

    config: Config
    model: str
    target: str
    files: Mapping[str, Sequence[str | Path]]
    descriptions: Sequence[str | Path]
    outputs: Mapping[str, Path]


class Check(ABC):
    """A check: what it is called, what it reads and writes, and how it is done.

    Planning imports the module of each check, so that torch and Matplotlib are imported where they are used.

    Attributes
    ----------
    name
        Of its key in the config's ``audit``, its rule, and its files.
    title
        Of its figure.
    question
        What it answers, after "It was not tested": ``whether …``.
    summary
        What its key in the config does, in one sentence.
    doing
        What its job says that it does, before the names of the model and the target.
    caption
        Below its tables and figures in Snakemake's report; reStructuredText.
    version
        Raise it when a change to the code changes its results: they are then made again.
    keys
        Its settings in the config.
    default
        What stands for its key where a config leaves it out: None for a check that has to be asked for.
    labels
        Whether it reads labels.
    masks
        Whether it reads masks, where the manifest has some.
    per_target
        Whether it is done for each target, or once for a model.
    of_several
        Whether it compares models, so that a run of a single one does not miss it.
    explains
        Whether it makes maps of all of the run's methods, again and again.
    reads
        Names of the checks whose ``table`` it reads, where the config asks for them.
    evidence
        Name of the table that findings read, of a check that is done once for a model; None where they read none.
    tables, figures
        By name: what its CSV and PNG files have between the check's name and the ending.
    pictures
        Whether it also writes, of some rows of its ``evidence``, pictures of what it did, which findings refer to
        (`saliency.audit.pictures`).
    cost
        Of its job; ``seconds`` for each of `evaluations`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    summary: ClassVar[str]
    doing: ClassVar[str]
    caption: ClassVar[str]
    version: ClassVar[int] = 1
    keys: ClassVar[tuple[Key, ...]] = ()
    default: ClassVar[Mapping[str, Any] | None] = None
    labels: ClassVar[bool] = False
    masks: ClassVar[bool] = False
    per_target: ClassVar[bool]
    of_several: ClassVar[bool] = False
    explains: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()
    evidence: ClassVar[str | None] = None
    tables: ClassVar[Mapping[str, str]] = {"table": ""}
    figures: ClassVar[Mapping[str, str]] = {}
    pictures: ClassVar[bool] = False
    cost: ClassVar[Cost]

    @classmethod
    def files(cls) -> dict[str, str]:
        """Names of the files that it writes, by what they are.

        Examples
        --------
        >>> from saliency.audit.checks.registered import checks
        >>> checks()["faithfulness"].files()["curves"]
        'faithfulness_curves.csv'
        """
        tables = {name: f"{cls.name}{middle}.csv" for name, middle in cls.tables.items()}
        figures = {name: f"{cls.name}{middle}.png" for name, middle in cls.figures.items()}
        return tables | figures | ({"pictures": f"{cls.name}_pictures.json"} if cls.pictures else {})

    @classmethod
    def rows(cls, selection: Selection) -> np.ndarray:
        """Row numbers ``(n,)`` of the samples that it reads; unless said otherwise, as many as its ``samples``."""
        return selection.drawn(selection.config["audit"][cls.name]["samples"])

    @classmethod
    def arrays(cls, methods: Sequence[str]) -> list[str]:
        """Names of the arrays of the store that it reads, where the maps of `methods` are made."""
        raise NotImplementedError(f"{cls.__name__} has no arrays")

    @classmethod
    def parts(cls) -> dict[str, int]:
        """Versions by name of what is registered for it elsewhere: something new, or a new version, makes it anew."""
        return {}

    @classmethod
    def settings_of_others(cls, audit: Mapping[str, Any]) -> list[Any]:
        """What else it reads of the config's ``audit``, which its digest covers."""
        return []

    @classmethod
    def evaluations(cls, settings: Mapping[str, Any], methods: Sequence[str], samples: int, values: int) -> int:
        """About how many pictures its settings make the model see, of `samples` with so many input values each."""
        raise NotImplementedError(f"{cls.__name__} has no evaluations")

    @classmethod
    def held(cls, settings: Mapping[str, Any], samples: int) -> int:
        """Arrays of a sample's size that its job holds at a time, beside those of a shard and of a batch."""
        return 0

    @classmethod
    def told(cls, table: pd.DataFrame, thresholds: Mapping[str, Any]) -> dict[str, object]:
        """What findings say that was looked at, by what it is; from the table that they read, and their thresholds."""
        return {}

    @classmethod
    def looked(cls, told: Mapping[str, Any]) -> str:
        """Say in a sentence or two what was looked at, and which effect could be found; from what `told` returns."""
        return ""

    @classmethod
    def missed(cls, told: Mapping[str, Any]) -> str:
        """Say in a sentence what it could not look at, "" where there is nothing; from what `told` returns."""
        return ""

    @classmethod
    def write(cls, job: CheckJob) -> None:
        """Do it, and write its files."""
        raise NotImplementedError(f"{cls.__name__} has no write")


class CheckOfChanges(Check):
    """A check that changes audited pictures, and sees what the network makes of them."""

    labels = True
    per_target = False

    @classmethod
    def rows(cls, selection: Selection) -> np.ndarray:
        """All audited samples: what is predicted for them is known later."""
        return selection.audited

    @classmethod
    def arrays(cls, methods: Sequence[str]) -> list[str]:
        """Inputs, and what the network makes of them."""
        return ["inputs", "logits"]


class CheckOfPredictions(CheckOfChanges):
    """One of which findings tell how predictions change; done unless the config has null."""

    default: ClassVar[Mapping[str, Any]] = {}
    evidence = "table"
    figures: ClassVar[Mapping[str, str]] = {"figure": ""}
    pictures = True

    @classmethod
    def smallest_share(cls, tests: int, targets: int, thresholds: Mapping[str, Any]) -> float:
        """Share of the targets that has to turn to be found, where none does in the control: Holm's first step.

        Examples
        --------
        >>> CheckOfPredictions.smallest_share(1, 20, {"alpha": 0.05, "min_turned": 0.1})  # 2 ** -5 < 0.05
        0.25
        """
        turned = math.ceil(math.log2(tests / thresholds["alpha"]))
        return float(max(thresholds["min_turned"], turned / targets))

    @staticmethod
    def found_from(told: Mapping[str, Any], whom: str) -> str:
        """Say which effect would have been found.

        Examples
        --------
        >>> CheckOfPredictions.found_from({SMALLEST: 0.125}, "others into a class")
        'One that turns 13 % of the others into a class would have been found, a weaker one not.'
        """
        share = math.ceil(100 * told[SMALLEST] - 1e-9)
        return f"One that turns {share} % of the {whom} would have been found, a weaker one not."
