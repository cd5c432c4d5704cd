"""Does the model depend on what the map shows? Pixels are taken away, or brought back, in the order of the map.

Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,
https://arxiv.org/abs/1806.07421
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from saliency.methods.passes.turned_axes import UNTURNED, TurnedAxes
from saliency.methods.scores import probabilities
from saliency.metrics.baselines import BASELINES, baseline_of
from saliency.metrics.concentration import flat

if TYPE_CHECKING:
    from torch import nn


def positions(ranking: np.ndarray, seed: int) -> np.ndarray:
    """Position of each pixel in the order from the map's highest value to its lowest; ties in random order.

    Class activation maps are zero over whole regions, which an order by address would take away line by line.

    Parameters
    ----------
    ranking
        ``(n, *spatial)``.
    seed
        Of the order of ties.

    Returns
    -------
    ndarray
        ``(n, N)``, int32: 0 for the highest value.

    Examples
    --------
    >>> positions(np.array([[[1.0, 5.0, 3.0]]]), 0)
    array([[2, 0, 1]], dtype=int32)
    """
    values = flat(ranking)
    count = np.broadcast_to(np.arange(values.shape[1], dtype=np.int32), values.shape)
    order = np.lexsort((np.random.default_rng(seed).permuted(count, axis=1), -values), axis=1)
    result = np.empty_like(count)
    np.put_along_axis(result, order, count, axis=1)
    return result


@dataclass(frozen=True)
class Curves:
    r"""Probability of the explained class while pixels are taken away or brought back.

    Attributes
    ----------
    fractions
        ``(steps + 1,)``, from 0 to 1: share of the pixels that was taken away, or brought back.
    deletion, insertion
        ``(n, steps + 1)``: the class's probability. Deletion begins with the sample and ends with the baseline,
        insertion the other way round.
    """

    fractions: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_auc(self) -> np.ndarray:
        """Area under `deletion`, ``(n,)``, 0 … 1, by the trapezoidal rule; low where the map finds what counts."""
        return np.trapezoid(self.deletion, self.fractions, axis=1)

    @property
    def insertion_auc(self) -> np.ndarray:
        """Area under `insertion`, ``(n,)``, 0 … 1, by the trapezoidal rule; high where the map finds what counts."""
        return np.trapezoid(self.insertion, self.fractions, axis=1)


def curves(
    model: nn.Module,
    x: np.ndarray,
    baseline: np.ndarray,
    ranking: np.ndarray,
    classes: np.ndarray,
    steps: int = 20,
    batch_size: int = 32,
    seed: int = 0,
    outputs: str = "logits",
    ignore_lastlayer: bool = False,
    output: int | str | None = None,
    axes: TurnedAxes = UNTURNED,
) -> Curves:
    """Take pixels away, and bring them back, in the order of a map.

    Parameters
    ----------
    model
        Returns ``[n, classes]``; stays as it is.
    x, baseline
        ``(n, c, *spatial)``: what the network sees, and what stands in for it, see
        `saliency.metrics.baselines.baseline_of`.
    ranking
        ``(n, *spatial)``, finite: an upsampled map, or the magnitude of a signed one.
    classes
        ``(n,)``: the explained class of each sample.
    steps
        Number of equal shares of the pixels; between them the curves have ``2 * steps`` points per sample.
    batch_size
        Points per forward pass, of several samples and steps together.
    seed
        Of the order of ties.
    outputs
        What the scores are, "logits" or "probabilities".
    ignore_lastlayer
        Take the scores before the model's last activation.
    output
        Which of the model's outputs are its scores, as in `saliency.methods.passes.model_output.model_scores`.
    axes
        In which the model sees volumes.

    Raises
    ------
    ValueError
        If a ranking is not finite, or the model has a score per pixel, which is no probability.

    Examples
    --------
    A model that sees one pixel, and a map that knows it:

    >>> import torch
    >>> class OnePixel(torch.nn.Module):
    ...     def forward(self, x):
    ...         return torch.stack([1 - x[:, 0, 0, 2], x[:, 0, 0, 2]], dim=1)
    >>> x, zeros = np.ones((1, 1, 1, 4), dtype=np.float32), np.zeros((1, 1, 1, 4), dtype=np.float32)
    >>> found = curves(OnePixel(), x, zeros, np.array([[[1, 2, 9, 3]]]), np.array([1]), 4, outputs="probabilities")
    >>> found.deletion.tolist(), found.deletion_auc
    ([[1.0, 0.0, 0.0, 0.0, 0.0]], array([0.125]))
    """
    import torch

    from saliency.methods.passes.model_state import unchanged
    from saliency.methods.passes.score_reader import ScoreReader

    if not np.isfinite(ranking).all():
        raise ValueError("ranking has values that are not finite: leave out the samples without a map")
    samples, pixels = len(x), ranking[0].size
    reader = ScoreReader(output, outputs, axes)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    image, substitute = (torch.from_numpy(values).to(device) for values in (x, baseline))
    position = torch.from_numpy(positions(ranking, seed)).view(samples, 1, *ranking.shape[1:]).to(device)
    counts = np.round(np.linspace(0, 1, steps + 1) * pixels).astype(int)
    # Both curves end in images that the other begins with.
    points = [(0, sample, step) for sample in range(samples) for step in range(steps + 1)]
    points += [(1, sample, step) for sample in range(samples) for step in range(1, steps)]
    found = np.empty((2, samples, steps + 1))
    for begin in range(0, len(points), batch_size):
        curve, sample, step = np.array(points[begin : begin + batch_size]).T
        count, inserted = (
            torch.from_numpy(values).to(device).view(-1, *[1] * (x.ndim - 1)) for values in (counts[step], curve == 1)
        )
        from_image = (position[sample] < count) == inserted
        changed = torch.where(from_image, image[sample], substitute[sample])
        with unchanged(model), torch.no_grad():
            returned = reader.returned(model, changed, ignore_lastlayer)
        if returned.ndim > 2:
            raise ValueError("the model has a score for each pixel or voxel, which is no probability of a class")
        shares = probabilities(reader.classes(returned).cpu().numpy(), reader.kind(returned))
        found[curve, sample, step] = shares[np.arange(len(shares)), classes[sample]]
    deletion, insertion = found
    insertion[:, 0], insertion[:, -1] = deletion[:, -1], deletion[:, 0]
    return Curves(counts / pixels, deletion, insertion)


def faithfulness(
    model: nn.Module,
    x: np.ndarray,
    rankings: Mapping[str, np.ndarray],
    classes: np.ndarray,
    baselines: Sequence[str] = tuple(BASELINES),
    steps: int = 20,
    batch_size: int = 32,
    seed: int = 0,
    outputs: str = "logits",
    ignore_lastlayer: bool = False,
    output: int | str | None = None,
    axes: TurnedAxes = UNTURNED,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deletion and insertion of several maps, beside a random order of the same pixels.

    Parameters
    ----------
    rankings
        Maps by name, ``(n, *spatial)`` each; the ranking ``random`` is added.
    baselines
        Names, of `saliency.metrics.baselines.BASELINES`.
    seed
        Of noise, ties and the random order; all rankings meet the same noise.
    model, x, classes, steps, batch_size, outputs, ignore_lastlayer, output, axes
        As in `curves`.

    Returns
    -------
    curves
        One row per baseline, ranking, sample and step: ``baseline, ranking, row, fraction, deletion, insertion``.
    areas
        One row per baseline, ranking and sample: ``baseline, ranking, row, deletion_auc, insertion_auc``.

    Examples
    --------
    >>> from saliency import NeuralNetwork
    >>> x = np.random.default_rng(0).random((2, 1, 50, 50), dtype=np.float32)
    >>> model, brightest = NeuralNetwork([1, 50, 50]), {"brightest": x[:, 0]}
    >>> _, areas = faithfulness(model, x, brightest, np.array([0, 0]), ["mean"], steps=4)
    >>> areas[["baseline", "ranking", "row"]].values.tolist()
    [['mean', 'brightest', 0], ['mean', 'brightest', 1], ['mean', 'random', 0], ['mean', 'random', 1]]
    """
    random = np.random.default_rng([seed, 1]).random((len(x), *x.shape[2:]))
    rows = np.arange(len(x))
    points, areas = [], []
    for kind in baselines:
        baseline = baseline_of(x, kind, seed)
        for name, ranking in {**rankings, "random": random}.items():
            found = curves(
                model, x, baseline, ranking, classes, steps, batch_size, seed, outputs, ignore_lastlayer, output, axes
            )
            names = {"baseline": kind, "ranking": name}
            values = {
                "row": rows.repeat(steps + 1),
                "fraction": np.tile(found.fractions, len(x)),
                "deletion": found.deletion.ravel(),
                "insertion": found.insertion.ravel(),
            }
            points.append(pd.DataFrame(names | values))
            values = {"row": rows, "deletion_auc": found.deletion_auc, "insertion_auc": found.insertion_auc}
            areas.append(pd.DataFrame(names | values))
    return pd.concat(points, ignore_index=True), pd.concat(areas, ignore_index=True)
