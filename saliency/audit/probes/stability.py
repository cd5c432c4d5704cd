"""Table of a target's stability: how alike each method's maps stay when a little noise is added to the samples."""

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from saliency.audit.checks.check import CheckJob
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.audit.probes.explained import explained
from saliency.audit.probes.faithfulness import rankings
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.metrics.similarity import spearman

log = logging.getLogger(__name__)


def noisy(x: np.ndarray, repeats: int, noise: float, seed: int) -> np.ndarray:
    r"""Copies of a sample with Gaussian noise, :math:`x + \varepsilon, \varepsilon \sim N(0, (a \sigma_x)^2)`.

    Parameters
    ----------
    x
        ``(c, *spatial)``: what the network sees.
    repeats
        Number of copies.
    noise
        :math:`a`, the standard deviation of what is added, as a share of the sample's.
    seed
        Of the noise.

    Returns
    -------
    ndarray
        ``(repeats, c, *spatial)``, of the sample's dtype.

    Examples
    --------
    >>> x = np.tile([0.0, 2.0], (1, 100, 50))
    >>> bool(abs((noisy(x, 3, 0.5, 0) - x).std() - 0.5) < 0.01)
    True
    """
    drawn = np.random.default_rng(seed).standard_normal((repeats, *x.shape))
    return (x + noise * x.std(dtype=np.float64) * drawn).astype(x.dtype)


def stability_table(samples: CheckedSamples, target: str) -> pd.DataFrame:
    """Stability of the maps of the chosen samples that have some.

    Parameters
    ----------
    samples
        Reads them.
    target
        Name of the target.

    Returns
    -------
    DataFrame
        One row per sample, method and draw of noise: ``id, method, draw, spearman``: rank correlation of the map and
        that of the sample with noise, for the same class; both on the input's grid, of signed ones absolute values,
        summed over channels. NaN where one of them has the same value everywhere.

    Raises
    ------
    DataError
        If no sample has maps.

    Notes
    -----
    Alvarez-Melis & Jaakkola, "On the Robustness of Interpretability Methods", 2018, https://arxiv.org/abs/1806.08049,
    ask how much explanations change in a neighbourhood; rank correlation, as methods differ in unit and distribution.
    """
    tables = list(_of_samples(samples, target))
    samples.report(len(tables))
    return pd.concat(tables, ignore_index=True)


def _of_samples(samples: CheckedSamples, target: str) -> Iterator[pd.DataFrame]:
    settings, names, runner = samples.settings, samples.plan.methods, samples.runner
    explainer, size = runner.explainer(names), samples.plan.config["batch_size"]
    for one in explained(samples, target, ["inputs"]):
        x = runner.normalised(one.arrays["inputs"])[0]
        copies = noisy(x, settings["repeats"], settings["noise"], samples.seed(one.row))
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for batch in torch.from_numpy(copies).to(runner.device, runner.dtype).split(size):
            classes = torch.full((len(batch),), one.target_class, device=batch.device)
            with explainer.forward_pass(batch, runner.ignore_lastlayer) as forward:
                found = forward.maps(classes)
            for name in names:
                parts[name].append(found[name].cpu().numpy())
        maps = rankings({name: np.concatenate(of) for name, of in parts.items()}, samples.spatial)
        alike = {name: spearman(np.broadcast_to(one.maps[name], of.shape), of) for name, of in maps.items()}
        yield pd.concat(
            pd.DataFrame({"id": one.id, "method": name, "draw": range(len(of)), "spearman": of})
            for name, of in alike.items()
        )
        log.info("stability: sample '%s'", one.id)


def write_stability(job: CheckJob) -> None:
    """Write a target's table."""
    samples = CheckedSamples(job, "stability")
    write_atomically(job.outputs["table"], csv_bytes(stability_table(samples, job.target)))
