"""Table and figure of a model's randomisation test: how maps change when its layers are randomised."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

from saliency.audit.checks.check import CheckJob
from saliency.audit.probes.checked_samples import CheckedSamples
from saliency.exceptions import DataError, Status
from saliency.figures.files import save_figure
from saliency.files.atomic_files import write_atomically
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.registered import method
from saliency.metrics.randomisation import randomisation_test


def randomisation_table(samples: CheckedSamples) -> pd.DataFrame:
    """Randomisation test on the chosen samples that could be read.

    Parameters
    ----------
    samples
        Reads them.

    Returns
    -------
    DataFrame
        One row per depth, method and sample: ``depth, layer, method, id, spearman, spearman_absolute, ssim,
        zero_map``, see `saliency.metrics.randomisation.randomisation_test`.

    Raises
    ------
    DataError
        If no sample could be read, or a layer of the config is none of the network's.
    """
    config, runner = samples.plan.config, samples.runner
    network = runner.network
    layers = samples.settings["layers"]
    _check_layers(network, layers or [])
    rows, parts = [], []
    for here, arrays in samples.shards(["inputs", "status"]):
        usable = arrays["status"] == Status.OK
        rows.append(here[usable])
        parts.append(runner.normalised(arrays["inputs"][usable]))
    used, x = np.concatenate(rows), np.concatenate(parts)
    samples.report(len(used))
    try:
        table = randomisation_test(
            network,
            torch.from_numpy(x).to(runner.device),
            layers,
            runner.target_layer,
            config["batch_size"],
            samples.seed(),
            samples.plan.methods,
            runner.ignore_lastlayer,
            config["input"]["mode"],
            runner.settings["section_names"],
            config["method_settings"],
            runner.reader,
            runner.layout,
        )
    except ValueError as error:
        raise DataError(f"audit.randomisation: models.{samples.model}: {error}") from error
    table.insert(3, "id", samples.plan.samples["id"].to_numpy()[used[table.pop("row")]])
    return table


def _check_layers(network: nn.Module, layers: Sequence[str]) -> None:
    # What computes a layer's weight is a module inside the layer, and goes with it.
    known = [
        name
        for name, module in network.named_modules()
        if any(True for _ in module.parameters()) and "parametrizations" not in name.split(".")
    ]
    wrong = [name for name in layers if name not in known]
    if wrong:
        raise DataError(
            f"audit.randomisation.layers: the network has no module with parameters that is called {', '.join(wrong)}: "
            f"choose from {', '.join(filter(None, known))}"
        )


def randomisation_figure(table: pd.DataFrame, heading: str) -> Figure:
    """Spearman's correlation of absolute values, and the share of maps that are zero, against depth.

    Parameters
    ----------
    table
        Of `randomisation_table`.
    heading
        Stands above, with the number of samples.
    """
    layers = table.groupby("depth")["layer"].first()
    longest = int(layers.str.len().max())
    size = (max(7, 1.5 + 0.15 * len(layers)), 5 + 0.07 * longest)
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    figure.suptitle(f"{heading}, {table['id'].nunique()} samples", fontsize=11, parse_math=False)
    likeness, zeros = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for name, part in table.groupby("method", sort=False):
        kind = method(str(name))
        depths = part.groupby("depth")
        values = depths["spearman_absolute"]
        middle = values.mean()
        (line,) = likeness.plot(middle.index, middle, marker=".", label=kind.title)
        likeness.fill_between(middle.index, values.min(), values.max(), color=line.get_color(), alpha=0.12, linewidth=0)
        # A product is zero wherever a part of it is: dashes leave the line below to be seen.
        style = "--" if kind.parts else "-"
        zeros.plot(middle.index, depths["zero_map"].mean(), style, color=line.get_color())
    likeness.axhline(0, color="0.6", linewidth=0.8)
    likeness.set_ylabel("Spearman, absolute values\n(mean; least to greatest shaded)")
    likeness.legend(fontsize=8)
    zeros.set_ylabel("share of maps\nzero everywhere")
    zeros.set_ylim(-0.05, 1.05)
    names = ["none" if depth == 0 else name for depth, name in layers.items()]
    zeros.set_xticks(layers.index, names, rotation=90, fontsize=7, parse_math=False)
    zeros.set_xlabel("randomised down to this layer; left: the intact model with itself")
    zeros.set_xlim(-0.5, len(layers) - 0.5)
    return figure


def write_randomisation(job: CheckJob) -> None:
    """Write a model's randomisation test and its figure."""
    found = randomisation_table(CheckedSamples(job, "randomisation"))
    write_atomically(job.outputs["table"], csv_bytes(found))
    save_figure(randomisation_figure(found, f"{job.model}, class explained: predicted"), job.outputs["figure"])
