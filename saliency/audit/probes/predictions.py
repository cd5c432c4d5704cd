"""What a network predicts for audited pictures, as they are and changed; every prediction is counted."""

import numpy as np
import pandas as pd
import torch

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

    def classes_of(self, pictures: np.ndarray) -> np.ndarray:
        """Predicted class ``(n,)`` of changed pictures."""
        runner, found = self.samples.runner, np.empty(len(pictures), dtype=np.int64)

        def work(rows: slice, batch: torch.Tensor, _: torch.Tensor | None) -> None:
            scores = predict(runner.network, batch, runner.ignore_lastlayer)
            found[rows] = ranked_classes(scores.float().cpu().numpy(), 0)

        runner.for_each_batch(self.samples.check, pictures, None, work, lambda _: None)
        self.evaluations += len(pictures)
        return found
