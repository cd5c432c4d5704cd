"""Tables and figure of a target's faithfulness: deletion and insertion by each method's map."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from saliency.audit.checks.check import CheckJob
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.figures.files import save_figure
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.registered import method
from saliency.methods.upsampling import upsample
from saliency.metrics.faithfulness import faithfulness
from saliency.metrics.magnitude import unsigned

log = logging.getLogger(__name__)
MEASURES = {"deletion": "taken away", "insertion": "brought back"}


def ranking_title(ranking: str) -> str:
    """What an order of pixels is called: a method's title, or ``random``."""
    return ranking if ranking == "random" else method(ranking).title


def rankings(maps: Mapping[str, np.ndarray], spatial: Sequence[int]) -> dict[str, np.ndarray]:
    """Order of the pixels that each method's map stands for.

    Parameters
    ----------
    maps
        By method, raw, as stored.
    spatial
        Spatial shape of the input.

    Returns
    -------
    dict
        ``(n, *spatial)`` by method: those on the target layer's grid upsampled, of signed ones the absolute values,
        summed over channels.

    Examples
    --------
    >>> from saliency.methods.registered import methods
    >>> name = next(name for name, kind in methods().items() if kind.signed and kind.channels)
    >>> rankings({name: np.array([[[[1.0, -2.0]], [[-3.0, 0.0]]]])}, (1, 2))[name]
    array([[[4., 2.]]])
    """
    found = {}
    for name, values in maps.items():
        kind = method(name)
        if kind.grid == "features":
            values = upsample(torch.from_numpy(values), spatial)[:, 0].numpy()
            found[name] = np.abs(values) if kind.signed else values
        else:
            found[name] = unsigned(values, kind)
    return found


def faithfulness_tables(samples: CheckedSamples, target: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deletion and insertion for the chosen samples that have maps.

    Parameters
    ----------
    samples
        Reads them.
    target
        Name of the target.

    Returns
    -------
    areas
        One row per sample, baseline and ranking: ``id, baseline, ranking, deletion_auc, insertion_auc``.
    curves
        Means over the samples, one row per baseline, ranking and step: ``baseline, ranking, fraction, deletion,
        insertion``.

    Raises
    ------
    DataError
        If no sample has maps.
    """
    config, network = samples.plan.config, samples.runner.network
    model = config["models"][samples.model]
    classes, methods = f"{target}/class", {name: f"{target}/{name}" for name in samples.plan.methods}
    points: list[pd.DataFrame] = []
    areas: list[pd.DataFrame] = []
    for rows, arrays in samples.shards(["inputs", classes, *methods.values()]):
        x = samples.runner.normalised(arrays["inputs"])
        orders = rankings({name: arrays[path] for name, path in methods.items()}, x.shape[2:])
        finite = [np.isfinite(values).reshape(len(rows), -1).all(axis=1) for values in orders.values()]
        # A class of -1 is none; one sample at a time, so that its values and the memory depend on no other.
        for number in np.flatnonzero(np.all([arrays[classes] >= 0, *finite], axis=0)):
            one = slice(number, number + 1)
            found = faithfulness(
                network,
                x[one],
                {name: values[one] for name, values in orders.items()},
                arrays[classes][one],
                samples.settings["baselines"],
                samples.settings["steps"],
                config["batch_size"],
                samples.seed(rows[number]),
                model["outputs"],
                model["ignore_lastlayer"],
                model["output"],
                samples.runner.reader.axes,
            )
            for parts, table in zip((points, areas), found, strict=True):
                parts.append(table.assign(row=rows[number]))
            log.info("faithfulness: sample %d", len(areas))
    samples.report(len(areas))
    table = pd.concat(areas)
    curves = pd.concat(points)
    table["id"] = samples.plan.samples["id"].to_numpy()[table["row"]]
    means = curves.groupby(["baseline", "ranking", "fraction"], sort=False, as_index=False)[list(MEASURES)].mean()
    return table[["id", "baseline", "ranking", "deletion_auc", "insertion_auc"]], means


def faithfulness_figure(areas: pd.DataFrame, curves: pd.DataFrame, heading: str) -> Figure:
    """Mean deletion and insertion curves of each ranking, one row per baseline.

    Parameters
    ----------
    areas, curves
        Of `faithfulness_tables`.
    heading
        Stands above, with the number of samples.
    """
    baselines = curves["baseline"].unique()
    figure = Figure(figsize=(9, 0.6 + 3.1 * len(baselines)), layout="constrained", dpi=110)
    figure.suptitle(f"{heading}, means of {areas['id'].nunique()} samples", fontsize=11, parse_math=False)
    mean_areas = areas.groupby(["baseline", "ranking"])[[f"{name}_auc" for name in MEASURES]].mean()
    for baseline, cells in zip(baselines, figure.subplots(len(baselines), 2, squeeze=False, sharey=True), strict=True):
        cells[0].set_ylabel("probability of the class")
        for (measure, done), axes in zip(MEASURES.items(), cells, strict=True):
            axes.set_title(f"{measure}, baseline: {baseline}", fontsize=10)
            axes.set_xlabel(f"share of pixels {done}")
            for ranking, part in curves[curves["baseline"] == baseline].groupby("ranking", sort=False):
                area = mean_areas.loc[(baseline, ranking), f"{measure}_auc"]
                style = {"color": "0.4", "linestyle": "--"} if ranking == "random" else {}
                axes.plot(part["fraction"], part[measure], label=f"{ranking_title(ranking)}: {area:.3f}", **style)
            axes.legend(title="area", fontsize=8, title_fontsize=8)
            axes.set_xlim(0, 1)
            axes.set_ylim(bottom=0)
    return figure


def write_faithfulness(job: CheckJob) -> None:
    """Write a target's areas, mean curves, and their figure."""
    samples = CheckedSamples(job, "faithfulness")
    areas, means = faithfulness_tables(samples, job.target)
    write_atomically(job.outputs["table"], csv_bytes(areas))
    write_atomically(job.outputs["curves"], csv_bytes(means))
    save_figure(faithfulness_figure(areas, means, f"{job.model}, class explained: {job.target}"), job.outputs["figure"])
