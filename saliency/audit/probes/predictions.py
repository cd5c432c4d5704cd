"""What a network predicts for audited pictures, as they are and changed; every prediction is counted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from saliency.audit.interventions.intervention import box, filled
from saliency.audit.masks import read_masks
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.methods.passes.forward_pass import predict
from saliency.methods.scores import ranked_classes


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
        known), ``predicted``.
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
        self.table = pd.DataFrame(
            {
                "row": rows[usable],
                "id": known["id"].to_numpy(),
                "label": samples.plan.labels(known),
                "predicted": ranked_classes(logits[usable], 0),
            }
        )
        self._pictures: dict[int, np.ndarray] = {}
        self._places: dict[int, int] = {}
        self._masks: dict[int, np.ndarray] = {}
        column = samples.plan.mask_column
        self.masked = known[column].ne("").to_numpy(copy=True) if column else np.zeros(len(known), dtype=bool)

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
        least, best = np.full(len(new), np.inf), np.zeros(len(new), dtype=int)
        for place, (begin, end) in enumerate(boxes):
            lead = _lead(self.scores_of(filled(x, box(x.shape[2:], begin, end))), predicted)
            best[lead < least] = place
            least = np.minimum(least, lead)
        self._places.update(zip(new.tolist(), best.tolist(), strict=True))

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """``(n,)``: number of the box that `load_places` found."""
        return np.array([self._places[number] for number in numbers.tolist()])

    def scores_of(self, pictures: np.ndarray) -> np.ndarray:
        """Scores ``(n, classes)`` of changed pictures."""
        runner = self.samples.runner
        found: list[np.ndarray] = []

        def work(rows: slice, batch: torch.Tensor, _: torch.Tensor | None) -> None:
            # A batch for which memory does not suffice begins again.
            scores = predict(runner.network, batch, runner.ignore_lastlayer, runner.reader)
            found[rows.start :] = scores.float().cpu().numpy()

        runner.for_each_batch(self.samples.check, pictures, None, work, lambda _: None)
        self.evaluations += len(pictures)
        return np.array(found)

    def classes_of(self, pictures: np.ndarray) -> np.ndarray:
        """Predicted class ``(n,)`` of changed pictures."""
        return ranked_classes(self.scores_of(pictures), 0)


def _lead(scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """By how much a class's score lies above the next one's; the score where there is no other class."""
    own = np.take_along_axis(scores, classes[:, np.newaxis], axis=1)[:, 0]
    others = scores.copy()
    np.put_along_axis(others, classes[:, np.newaxis], -np.inf, axis=1)
    return np.asarray(own - others.max(axis=1) if scores.shape[1] > 1 else own)
