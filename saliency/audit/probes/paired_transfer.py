"""Transfer tests of several models on the same pairs: what one model makes of targets before and after.

`saliency.audit.probes.transfer` chooses pictures by the model's own predictions, so that two models are tested on
different ones. Here labels alone choose them, with the audit's seed; every model of a run then answers for the same
pairs, and answers can be compared pair by pair. What needs predictions to be given (`PlacedIntervention`), and what
needs masks, is left out.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.interventions.intervention import Intervention, MaskedIntervention, PlacedIntervention
from saliency.audit.interventions.registered import interventions
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.audit.probes.predictions import Predictions
from saliency.experiment.descriptions import read_descriptions
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a model makes of one pair.

    Attributes
    ----------
    class_
        Index of the source's class.
    intervention, variant, words, verb
        What was given.
    source, target
        Ids.
    label
        Class of the target.
    before, after
        Predicted class of the target, as it is and changed.
    """

    class_: int
    intervention: str
    variant: str
    words: str
    verb: str
    source: str
    target: str
    label: int
    before: int
    after: int


def chosen_pairs(
    rows: np.ndarray, labels: np.ndarray, name: int, settings: Mapping[str, int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of a class: row numbers, as many of one as of the other; sources come in turn.

    Parameters
    ----------
    rows
        ``(n,)``, in the manifest.
    labels
        ``(n,)``, of them; -1 for none.
    name
        The class.
    settings
        The config's ``audit.paired_transfer``.
    seed
        Of the draw.

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1, 1, -1])
    >>> sources, targets = chosen_pairs(np.arange(6), labels, 0, {"sources": 2, "targets": 9}, 0)
    >>> sorted(sources.tolist()), sorted(targets.tolist())
    ([0, 0, 1], [2, 3, 4])
    """
    rng = np.random.default_rng([seed, name])
    own = rng.permutation(rows[labels == name])[: settings["sources"]]
    targets = rng.permutation(rows[(labels >= 0) & (labels != name)])[: settings["targets"]]
    return (np.resize(own, len(targets)) if len(own) else own), targets[: len(targets) if len(own) else 0]


class PairedTests:
    """The answers of one model.

    Parameters
    ----------
    predictions
        Of the audited samples.
    settings
        The config's ``audit.paired_transfer``.
    evaluations
        Largest number of pictures that the network may see.
    seed
        Of what is drawn.
    """

    def __init__(self, predictions: Predictions, settings: Mapping[str, int], evaluations: int, seed: int) -> None:
        self.predictions, self.settings = predictions, settings
        self.evaluations, self.seed = evaluations, seed

    def answers(self) -> Iterator[Answer]:
        """All answers; what has many variants comes last, when all else was asked of every class."""
        samples = self.predictions.samples
        rows, plan = samples.rows, samples.plan
        labels = plan.labels(plan.samples.iloc[rows])
        names, counts = np.unique(labels[labels >= 0], return_counts=True)
        ordered = names[np.argsort(-counts, kind="stable")].tolist()
        kinds = [
            kind for kind in interventions().values() if not issubclass(kind, MaskedIntervention | PlacedIntervention)
        ]
        for screened in (False, True):
            for name in ordered:
                pairs = chosen_pairs(rows, labels, name, self.settings, self.seed)
                yield from self._of_class(name, [kind for kind in kinds if kind.screened == screened], *pairs)

    def _of_class(
        self, name: int, kinds: list[type[Intervention]], sources: np.ndarray, targets: np.ndarray
    ) -> Iterator[Answer]:
        table = self.predictions.table
        place = pd.Series(np.arange(len(table)), index=table["row"])
        # Pairs are chosen before it is known which samples have a result.
        usable = np.isin(sources, place.index) & np.isin(targets, place.index)
        given, taking = place[sources[usable]].to_numpy(), place[targets[usable]].to_numpy()
        if not len(given):
            return
        self.predictions.load(np.union1d(given, taking))
        spatial = self.predictions.pictures(taking[:1]).shape[2:]
        ids, predicted, label = (table[column].to_numpy() for column in ("id", "predicted", "label"))
        for kind in kinds:
            for variant in kind.variants_of(self.predictions, spatial, np.unique(given), np.unique(taking)):
                if self.predictions.evaluations >= self.evaluations:
                    return
                after = self.predictions.classes_of(kind.given(self.predictions, variant, taking, given))
                about = (kind.name, variant.name, variant.words, kind.verb)
                for source, target, found in zip(given.tolist(), taking.tolist(), after.tolist(), strict=True):
                    own, said = int(label[target]), int(predicted[target])
                    yield Answer(name, *about, str(ids[source]), str(ids[target]), own, said, found)


def write_paired_transfer(job: CheckJob) -> None:
    """Write a model's answers; none of a single model, of scores per pixel, or of samples of several classes."""
    answers: list[Answer] = []
    if read_descriptions(job.descriptions)["dense"]:
        log.info("paired_transfer: models.%s has a score per pixel or voxel: nothing is tested", job.model)
    else:
        samples = CheckedSamples(job, "paired_transfer")
        plan = samples.plan
        if len(plan.models) > 1 and plan.labels_are == "class":
            values, count = plan.sample_values(job.model), len(samples.rows)
            allowed = checks()["paired_transfer"].evaluations(samples.settings, plan.methods, count, values)
            tests = PairedTests(Predictions(samples), samples.settings, allowed, samples.seed())
            answers = list(tests.answers())
            log.info("paired_transfer: %d answers, %d pictures", len(answers), tests.predictions.evaluations)
        else:
            log.info("paired_transfer: it compares models that put each sample into one class: nothing is tested")
    table = pd.DataFrame([asdict(answer) for answer in answers], columns=list(Answer.__dataclass_fields__))
    write_atomically(job.outputs["table"], csv_bytes(table.rename(columns={"class_": "class"})))
