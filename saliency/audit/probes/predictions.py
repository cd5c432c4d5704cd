"""What a network predicts for audited pictures, as they are and changed; every prediction is counted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from saliency.audit.interventions.intervention import box, filled
from saliency.audit.masks import read_masks
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.methods.passes.forward_pass import predict
from saliency.methods.scores import MULTILABEL, predicted_classes, ranked_classes, said_classes
from saliency.steps.multilabel import has_class


class Predictions:
    """Audited samples with their predictions, and the network for changed ones.

    Parameters
    ----------
    samples
        Reads them; the check asks for ``inputs`` and ``logits``.

    Attributes
    ----------
    table
        One row per audited sample that could be read: ``row`` in the manifest, ``id``, ``label`` (-1 where it is not
        known), ``predicted``. Where a sample can be of several classes, `ask` says which of them counts.
    evaluations
        Number of pictures that the network has seen.
    masked
        ``(n,)``, bool: whether a row of `table` has a mask: one that the manifest names, until it turns out useless.
    """

    def __init__(self, samples: CheckedSamples) -> None:
        self.samples, self.evaluations = samples, 0
        rows, logits = samples.read("logits")
        usable = np.isfinite(logits).all(axis=1)
        known = samples.plan.samples.iloc[rows[usable]]
        self._several = samples.plan.labels_are == "classes"
        self._asked: int | None = None
        self._logits = logits[usable]
        self._has = has_class(samples.plan.label_classes(known), logits.shape[1]) if self._several else None
        self.table = pd.DataFrame(
            {
                "row": rows[usable],
                "id": known["id"].to_numpy(),
                "label": self._labels() if self._several else samples.plan.labels(known),
                "predicted": self._classes(self._logits),
            }
        )
        self._pictures: dict[int, np.ndarray] = {}
        self._places: dict[int, int] = {}
        self._masks: dict[int, np.ndarray] = {}
        column = samples.plan.mask_column
        self.masked = known[column].ne("").to_numpy(copy=True) if column else np.zeros(len(known), dtype=bool)

    @property
    def sizes(self) -> pd.Series:
        """Number of rows that are put into each class, by its index."""
        if not self._several:
            return self.table["predicted"].value_counts()
        counts = said_classes(self._logits, self._threshold).sum(axis=0)
        return pd.Series(counts)[counts > 0]

    def ask(self, name: int) -> None:
        """Let `table` and `classes_of` tell a class from all others, where a sample can be of several classes.

        Samples that have the class, or are put into it, are of that class then, and others of another one that they
        have, or -1 of no class.
        """
        if self._several:
            self._asked = name
            self.table["label"], self.table["predicted"] = self._labels(), self._classes(self._logits)
            self._places = {}

    @property
    def _threshold(self) -> float:
        threshold: float = self.samples.runner.settings["threshold"]
        return threshold

    def _labels(self) -> np.ndarray:
        """One class of each sample: the asked one, else the first; of samples without any, one that there is not."""
        assert self._has is not None
        first = np.where(self._has.any(axis=1), self._has.argmax(axis=1), self._has.shape[1])
        if self._asked is not None:
            first[self._has[:, self._asked] == 1] = self._asked
        return np.where(np.isnan(self._has).any(axis=1), -1, first)

    def _classes(self, scores: np.ndarray) -> np.ndarray:
        """Predicted class of each row of scores: of several the asked one, else the most probable, -1 for none."""
        if not self._several:
            return ranked_classes(scores, 0)
        found = predicted_classes(scores, 0, MULTILABEL, self._threshold)
        if self._asked is not None:
            found[said_classes(scores, self._threshold)[:, self._asked]] = self._asked
        return found

    def load(self, numbers: np.ndarray) -> None:
        """Read the pictures of some rows of `table`, each shard once."""
        wanted = self.table["row"].to_numpy()[np.unique(numbers)]
        rows, inputs = self.samples.read("inputs", wanted)
        self._pictures = dict(zip(rows.tolist(), inputs, strict=True))

    def pictures(self, numbers: np.ndarray) -> np.ndarray:
        """``(n, c, *spatial)``: loaded pictures, before normalisation, of some rows of `table`."""
        return np.stack([self._pictures[row] for row in self.table["row"].to_numpy()[numbers].tolist()])

    def load_masks(self, numbers: np.ndarray) -> None:
        """Read the masks of some rows of `table`."""
        plan, spatial = self.samples.plan, self.samples.spatial
        rows = self.table["row"].to_numpy()[np.unique(numbers)]
        masks = read_masks(plan, self.samples.model, plan.samples.iloc[rows], spatial)
        self._masks = {} if masks is None else dict(zip(rows.tolist(), masks, strict=True))

    def masks(self, numbers: np.ndarray) -> np.ndarray:
        """``(n, *spatial)``, bool: loaded masks of some rows of `table`; empty where one could not be read."""
        rows = self.table["row"].to_numpy()[numbers].tolist()
        return np.array([self._masks[row] for row in rows], dtype=bool).reshape(-1, *self.samples.spatial)

    def load_places(self, numbers: np.ndarray, boxes: Sequence[tuple[Sequence[int], Sequence[int]]]) -> None:
        """Find the box on which the prediction of each row rests most, of loaded pictures.

        It is the one that costs the predicted class most of its lead over the next class when it is filled with the
        mean of what lies outside of it (Zeiler and Fergus 2014, Visualizing and understanding convolutional networks).

        Parameters
        ----------
        numbers
            Rows of `table`.
        boxes
            Begin and end of each.
        """
        new = np.array([number for number in dict.fromkeys(numbers.tolist()) if number not in self._places], dtype=int)
        if not len(new):
            return
        x, predicted = self.pictures(new), self.table["predicted"].to_numpy()[new]
        predicted = np.where(predicted < 0, ranked_classes(self._logits[new], 0), predicted)
        least, best = np.full(len(new), np.inf), np.zeros(len(new), dtype=int)
        for place, (begin, end) in enumerate(boxes):
            scores = self.scores_of(filled(x, box(x.shape[2:], begin, end)))
            # What is one of several classes has no next one.
            lead = scores[np.arange(len(scores)), predicted] if self._several else _lead(scores, predicted)
            best[lead < least] = place
            least = np.minimum(least, lead)
        self._places.update(zip(new.tolist(), best.tolist(), strict=True))

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """``(n,)``: number of the box that `load_places` found."""
        return np.array([self._places[number] for number in numbers.tolist()])

    def scores_of(self, pictures: np.ndarray) -> np.ndarray:
        """Scores ``(n, classes)`` of changed pictures."""
        runner = self.samples.runner

        def work(rows: slice, batch: torch.Tensor, _: torch.Tensor | None) -> np.ndarray:
            scores = predict(runner.network, batch, runner.ignore_lastlayer, runner.reader)
            return scores.float().cpu().numpy()

        samples = map(runner.seen, pictures)
        batches = runner.batches(self.samples.check, samples, len(pictures), work, lambda _: None)
        found = [of_sample for _, scores in batches for of_sample in scores]
        self.evaluations += len(pictures)
        return np.array(found)

    def classes_of(self, pictures: np.ndarray) -> np.ndarray:
        """Predicted class ``(n,)`` of changed pictures."""
        return self._classes(self.scores_of(pictures))


def _lead(scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """By how much a class's score lies above the next one's; the score where there is no other class."""
    own = np.take_along_axis(scores, classes[:, np.newaxis], axis=1)[:, 0]
    others = scores.copy()
    np.put_along_axis(others, classes[:, np.newaxis], -np.inf, axis=1)
    return np.asarray(own - others.max(axis=1) if scores.shape[1] > 1 else own)
