r"""Transfer tests: give a property of one class's pictures to others, and count how many turn into that class.

For class :math:`c` and a variant of an intervention, each target (a picture that the network puts elsewhere) gets the
property of a picture of :math:`c`, and, as its control, that of a picture of another class. With :math:`b` targets that
turn into :math:`c` with the first only, and :math:`d` with the second only, the p-value is that of McNemar's exact
test, one-sided: :math:`P(X \ge b)` of :math:`X \sim \mathrm{Bin}(b + d, 1/2)`. All tests of a run are corrected
together.

Of what cannot be the object (`Intervention.beside_the_object`), the removal is a test of its own: whether more of the
class's pictures leave it than pictures of others leave theirs when they lose the same (Fisher's exact test, one-sided).

An intervention with many variants is first tried on a few targets; the variants that turn most of them are then tested
on other targets, so that the choice does not bias the test. So are the sources of patches, and those of their control.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.interventions.intervention import Intervention, MaskedIntervention, PlacedIntervention, Variant
from saliency.audit.interventions.registered import interventions
from saliency.audit.interventions.window import Window
from saliency.audit.pictures import LEAST_EFFECT, Picture, Step, draw_steps, pictures_figure, strongest, write_pictures
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.audit.probes.predictions import Predictions
from saliency.audit.probes.transfer_table import Row, Tried, fisher, mcnemar, transfer_table, windows_table
from saliency.experiment.descriptions import read_descriptions
from saliency.experiment.plan import Plan
from saliency.figures.files import save_figure
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes

log = logging.getLogger(__name__)
# Targets on which variants of a screened intervention, or sources of a placed one, are tried; how many are then tested.
SCREENED_ON, KEPT = 12, 3
# Of at most so many sources, and of as many of their controls, is it found on what their predictions rest.
PLACED = 12
# Tests in the figure, at most.
DRAWN = 6


def paired_controls(targets: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """A control's source for each target, in turn; none is the target itself.

    Parameters
    ----------
    targets, controls
        Numbers, each once; at least two controls.

    Examples
    --------
    >>> paired_controls(np.array([1, 2, 3]), np.array([1, 3])).tolist()
    [3, 3, 1]
    """
    turns = np.arange(len(targets))
    paired = controls[turns % len(controls)]
    return np.where(paired == targets, controls[(turns + 1) % len(controls)], paired)


class TransferTests:
    """The tests of one model.

    Parameters
    ----------
    predictions
        Of the audited samples.
    settings
        The config's ``audit.transfer``.
    evaluations
        Largest number of pictures that the network may see.
    seed
        Of everything that is drawn.

    Attributes
    ----------
    windows
        Those that were tried on a few targets, once `rows` has gone through their classes.
    """

    def __init__(self, predictions: Predictions, settings: Mapping[str, int], evaluations: int, seed: int) -> None:
        self.predictions, self.settings = predictions, settings
        self.evaluations, self.seed = evaluations, seed
        self.windows: list[Tried] = []

    @property
    def table(self) -> pd.DataFrame:
        """The samples, with the class that is asked about where they can be of several."""
        return self.predictions.table

    def rows(self) -> Iterator[Row]:
        """One row for each test, and one for each class without any."""
        sizes = self.predictions.sizes
        names = sorted(sizes.index, key=lambda name: (-sizes[name], name))
        for name in names:
            self.predictions.ask(int(name))
            chosen = self._chosen(int(name))
            reason = self._reason(*chosen[:2])
            if reason:
                yield Row(int(name), note=reason)
            else:
                yield from self._of_class(int(name), self._kinds(masked=False), *chosen)
                yield from self._with_masks(int(name))

    def _kinds(self, masked: bool) -> list[type[Intervention]]:
        return [kind for kind in interventions().values() if issubclass(kind, MaskedIntervention) == masked]

    def _with_masks(self, name: int) -> Iterator[Row]:
        """Rows of what needs masks, of the pictures that have one; none without any."""
        masked = self.predictions.masked
        while masked.any():
            chosen = self._chosen(name, masked)
            numbers = np.concatenate(chosen)
            self.predictions.load_masks(numbers)
            masks = self.predictions.masks(numbers)
            within = tuple(range(1, masks.ndim))
            broken = numbers[masks.all(axis=within) | ~masks.any(axis=within)]
            if len(broken):
                # Others take their place, here and in the classes to come.
                masked[broken] = False
                continue
            if reason := self._reason(*chosen[:2]):
                yield Row(name, note=f"with a mask: {reason}")
            else:
                yield from self._of_class(name, self._kinds(masked=True), *chosen)
            return

    def _chosen(
        self, name: int, usable: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the sources, of the targets, of the controls' sources, and of the class's own pictures."""
        label, predicted = self.table["label"].to_numpy(), self.table["predicted"].to_numpy()
        usable = np.ones(len(label), dtype=bool) if usable is None else usable
        rng = np.random.default_rng([self.seed, name])
        own = np.flatnonzero(usable & (np.where(label < 0, predicted, label) == name))
        into = np.flatnonzero(usable & (predicted == name) & ((label == name) | (label < 0)))
        elsewhere = rng.permutation(np.flatnonzero(usable & (predicted != name) & (label != name)))
        sources = rng.permutation(into)[: self.settings["sources"]]
        targets = elsewhere[: self.settings["targets"]]
        # Other pictures than the targets, where there are enough.
        controls = np.concatenate([elsewhere[len(targets) :], rng.permutation(targets)])[: self.settings["sources"]]
        return sources, targets, controls, rng.permutation(own)[: self.settings["targets"]]

    def _reason(self, sources: np.ndarray, targets: np.ndarray) -> str:
        least = self.settings["least"]
        if len(sources) < least:
            return f"only {len(sources)} of its pictures are put into it; audit.transfer.least is {least}"
        if len(targets) < 2 * SCREENED_ON:
            return f"only {len(targets)} other pictures are put elsewhere; {2 * SCREENED_ON} are needed"
        if self.predictions.evaluations >= self.evaluations:
            return f"the network has seen {self.evaluations} pictures, as many as audit.transfer.evaluations allows"
        return ""

    def _of_class(
        self,
        name: int,
        kinds: Sequence[type[Intervention]],
        sources: np.ndarray,
        targets: np.ndarray,
        controls: np.ndarray,
        own: np.ndarray,
    ) -> Iterator[Row]:
        self.predictions.load(np.concatenate([sources, targets, controls, own]))
        spatial = self.predictions.pictures(targets[:1]).shape[2:]
        for kind in kinds:
            left, used, other = targets, sources, controls
            variants = kind.variants_of(self.predictions, spatial, own, np.union1d(targets, controls))
            if not variants:
                continue
            if issubclass(kind, PlacedIntervention):
                used, other = sources[:PLACED], controls[:PLACED]
                self.predictions.load_places(np.concatenate([used, other]), kind.boxes(spatial))
                few, left = targets[:SCREENED_ON], targets[SCREENED_ON:]
                used, other = (self._most_turning(name, kind, variants[0], few, each) for each in (used, other))
            if kind.screened:
                few, left = targets[:SCREENED_ON], targets[SCREENED_ON:]
                turned = [int((self._given(kind, one, few, used)[1] == name).sum()) for one in variants]
                self._note_windows(name, kind, spatial, variants, len(few), turned)
                variants = [variants[best] for best in np.argsort(turned, kind="stable")[::-1][:KEPT]]
            for variant in variants:
                yield self._tested(name, kind, variant, used, left, other, own)
        log.info("transfer: class %d, %d pictures so far", name, self.predictions.evaluations)

    def _note_windows(
        self,
        name: int,
        kind: type[Intervention],
        spatial: Sequence[int],
        variants: Sequence[Variant],
        targets: int,
        turned: Sequence[int],
    ) -> None:
        if issubclass(kind, Window):
            for variant, count in zip(variants, turned, strict=True):
                begin, end = (tuple(np.divide(limit, spatial).tolist()) for limit in variant.numbers)
                self.windows.append(Tried(name, begin, end, targets, count))

    def _most_turning(
        self, name: int, kind: type[Intervention], variant: Variant, targets: np.ndarray, sources: np.ndarray
    ) -> np.ndarray:
        """Those few of the sources that turn most of the targets: not every one bears what the others bear."""
        turned = [
            np.count_nonzero(self._given(kind, variant, targets[targets != source], np.array([source]))[1] == name)
            for source in sources
        ]
        return sources[np.sort(np.argsort(turned, kind="stable")[::-1][:KEPT])]

    def _given(
        self, kind: type[Intervention], variant: Variant, targets: np.ndarray, sources: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Targets with the property of the sources, and the classes that the network puts them into."""
        changed = kind.given(self.predictions, variant, targets, np.resize(sources, len(targets)))
        return changed, self.predictions.classes_of(changed)

    def _tested(
        self,
        name: int,
        kind: type[Intervention],
        variant: Variant,
        sources: np.ndarray,
        targets: np.ndarray,
        controls: np.ndarray,
        own: np.ndarray,
    ) -> Row:
        changed, classes = self._given(kind, variant, targets, sources)
        turned = classes == name
        control = self._given(kind, variant, targets, paired_controls(targets, controls))[1] == name
        gained, lost = int((turned & ~control).sum()), int((control & ~turned).sum())
        shown = int(np.argmax(turned))
        source, target = int(np.resize(sources, len(targets))[shown]), int(targets[shown])
        ids = self.table["id"].to_numpy()
        row = Row(
            name,
            kind.name,
            variant.name,
            variant.words,
            kind.verb,
            kind.area_of(self.predictions, variant, targets),
            len(sources),
            len(targets),
            int(turned.sum()),
            int(control.sum()),
            gained,
            lost,
            mcnemar(gained, lost),
            source=str(ids[source]),
            target=str(ids[target]),
        )
        # A removal is tried where it proves something, or where pictures show what was given.
        shown_anyway = (gained - lost) / len(targets) >= LEAST_EFFECT
        without = None
        if len(own) and kind.removable and (kind.beside_the_object or shown_anyway):
            without = self._without(row, kind, variant, source, own, controls, np.union1d(targets, controls))
        if shown_anyway or row.lost_more >= LEAST_EFFECT:
            pictures, predicted = self.predictions.pictures, self.table["predicted"].to_numpy()
            steps = [
                Step("the source", predicted[source], row.source, pictures(np.array([source]))[0]),
                Step("another picture", predicted[target], row.target, pictures(np.array([target]))[0]),
                Step(f"the same with {kind.reference}", classes[shown], row.target, changed[shown]),
            ]
            if without:
                steps.append(without)
            row.pictures = draw_steps(steps, before=1, after=2)
        return row

    def _without(
        self,
        row: Row,
        kind: type[Intervention],
        variant: Variant,
        source: int,
        own: np.ndarray,
        controls: np.ndarray,
        others: np.ndarray,
    ) -> Step:
        """Take the property away from the class's pictures, and from others; return the source without it."""
        predicted = self.table["predicted"].to_numpy()
        # The source comes first, to be shown.
        numbers = np.concatenate([[source], own])
        without = kind.removed(self.predictions, variant, numbers, controls)
        after = self.predictions.classes_of(without)
        before, stays = predicted[own] == row.class_, after[1:] == row.class_
        row.own, row.recall_before, row.recall_after = len(own), float(before.mean()), float(stays.mean())
        if kind.beside_the_object:
            label = self.table["label"].to_numpy()[others]
            right = np.where(label < 0, predicted[others], label)
            classes = self.predictions.classes_of(kind.removed(self.predictions, variant, others, controls))
            of_others, stay = predicted[others] == right, classes == right
            row.others, row.others_before, row.others_after = len(others), float(of_others.mean()), float(stay.mean())
            if before.any() and of_others.any():
                fallen, fallen_of_others = ~stays[before], ~stay[of_others]
                row.lost_more = float(fallen.mean() - fallen_of_others.mean())
                row.p_without = fisher(fallen, fallen_of_others)
        return Step(f"the source without {kind.reference}", after[0], row.source, without[0])


def transfer_figure(table: pd.DataFrame, pictures: Mapping[int, Sequence[Picture]]) -> Figure:
    """Pictures of the strongest tests, one row for each.

    Parameters
    ----------
    table
        Of `transfer_table`.
    pictures
        By row of the table.
    """
    best = table.loc[list(pictures)].sort_values("effect", ascending=False, kind="stable")
    strips = []
    for row in best.drop_duplicates(["class", "intervention"]).head(DRAWN).index.tolist():
        test = best.loc[row]
        said = f"class {test['class']}, {interventions()[test['intervention']].title}, {test['variant']}"
        turned = f"{test['turned']} of {test['targets']} turn, {test['control_turned']} in the control"
        strips.append((f"{said}: {turned}", pictures[row]))
    return pictures_figure(strips, f"No property turns {100 * LEAST_EFFECT:.0f} % of the pictures beyond its control.")


def write_transfer(job: CheckJob) -> None:
    """Write a model's transfer tests, their figure and their pictures."""
    rows: list[Row] = []
    windows: list[Tried] = []
    if read_descriptions(job.descriptions)["dense"]:
        log.info("transfer: models.%s has a score per pixel or voxel: nothing is tested", job.model)
    else:
        samples = CheckedSamples(job, "transfer")
        predictions = Predictions(samples)
        values, count = samples.plan.sample_values(job.model), len(samples.rows)
        allowed = checks()["transfer"].evaluations(samples.settings, samples.plan.methods, count, values)
        tests = TransferTests(predictions, samples.settings, allowed, samples.seed())
        rows, windows = list(tests.rows()), tests.windows
        log.info("transfer: %d tests, %d pictures", sum(not row.note for row in rows), predictions.evaluations)
    found = transfer_table(rows)
    effects = found[["effect", "lost_more"]].max(axis=1)
    pictures = {row: rows[row].pictures for row in strongest(effects)}
    # P-values may be small.
    write_atomically(job.outputs["table"], csv_bytes(found, "%.6g"))
    write_atomically(job.outputs["windows"], csv_bytes(windows_table(windows, Plan(job.config).ndim), "%.4g"))
    write_pictures(job.outputs["pictures"], pictures)
    save_figure(transfer_figure(found, pictures), job.outputs["figure"])
