"""Figures of a run as files: of each chosen sample, and contact sheets."""

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from saliency.experiment.config import Config, file_columns
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.figures.plot import sample_panels, wrapped
from saliency.figures.sample_figures import describe_sample, sample_figure, select_rows
from saliency.figures.slices import AXIAL, peak, slice_plane, window
from saliency.figures.volumes import montage_figure, orthogonal_figure
from saliency.files.atomic_files import write_atomically
from saliency.readers.volumes import sides_known
from saliency.steps.predictions import read_predictions
from saliency.store.sample_maps import SampleReader

log = logging.getLogger(__name__)


def save_figure(figure: Figure, output: Path) -> None:
    """Write a figure as PNG, in one step."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(output, content.getvalue())


def draw_samples(
    config: Config,
    model: str,
    target: str,
    files: Mapping[str, Sequence[str | Path]],
    descriptions: Sequence[str | Path],
    predictions: Path,
    samples: Sequence[str | Path],
    montages: Sequence[str | Path],
) -> None:
    """Draw the figures of the chosen samples (`saliency.experiment.selection.Selection.chosen`).

    Parameters
    ----------
    config, model, target
        The completed config, and names.
    files
        By array of the store: its files of the shards that hold the chosen samples, in order.
    descriptions
        The model's JSON descriptions.
    predictions
        ``predictions.csv``.
    samples, montages
        Figures to write, one per chosen sample; montages of volumes only.
    """
    plan = Plan(config)
    chosen = Selection(plan).chosen
    read = SampleReader(plan, model, target, files, plan.shards_of(chosen.index), descriptions)
    table = read_predictions(predictions)
    column = file_columns(config, model)[0]
    for number, row in enumerate(chosen.index):
        sample, output = read(row), Path(samples[number])
        text = describe_sample(table.iloc[row], sample.class_index, read.class_names)
        if sample.voxel_size is None:
            save_figure(sample_figure(sample.image, sample.maps, *text), output)
        else:
            size, sides = sample.voxel_size, sides_known(plan.path(plan.columns[column][row]))
            save_figure(orthogonal_figure(sample.image, sample.maps, size, *text, sides), output)
            montage = montage_figure(sample.image, sample.maps, *text, voxel_size=size, sides=sides)
            save_figure(montage, Path(montages[number]))
        log.info("%s", output)


def draw_contact_sheets(
    config: Config,
    model: str,
    target: str,
    files: Mapping[str, Sequence[str | Path]],
    descriptions: Sequence[str | Path],
    predictions: Path,
    outputs: Mapping[str, str | Path],
) -> None:
    """Draw contact sheets, by selection; `files` are those of all shards, other parameters as of `draw_samples`."""
    plan = Plan(config)
    read = SampleReader(plan, model, target, files, plan.shards, descriptions)
    for selection, output in outputs.items():
        draw_contact_sheet(read, predictions, selection, Path(output))


def draw_contact_sheet(read: SampleReader, predictions: Path, selection: str, output: Path) -> None:
    """Draw the contact sheet of a selection: many samples with input and maps, two side by side.

    Of volumes, the axial slice through the peak of the leading method is shown.
    """
    table = read_predictions(predictions)
    rows = select_rows(read.plan, table, selection)
    what = "value" if read.plan.labels_are == "numbers" else "class"
    title = f"{read.model}, {what} explained: {read.target}, samples: {selection.replace('_', ' ')}"
    width = 1 + len(read.plan.methods)
    if not rows:
        figure = Figure(figsize=(3 * width, 1.2))
        figure.text(0.5, 0.5, f"{title}\nno such sample", ha="center", va="center")
        save_figure(figure, output)
        return
    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(1.5 * width * columns, 2 * lines + 0.5), layout="constrained", dpi=110)
    figure.suptitle(title, fontsize=11)
    for number, block in enumerate(figure.subfigures(lines, columns, squeeze=False).flat):
        if number < len(rows):
            sample = read(rows[number])
            image, maps = sample.image, sample.maps
            if sample.voxel_size is not None:
                level = peak(maps)[AXIAL]
                maps = {method: slice_plane(values, AXIAL, level) for method, values in maps.items()}
                image = slice_plane(window(image[:1]) if np.isfinite(image).all() else image[:1], AXIAL, level)
            text = describe_sample(table.iloc[rows[number]], sample.class_index, read.class_names)
            block.suptitle(wrapped("\n".join(text), 1.5 * width, 7), fontsize=7, parse_math=False)
            sample_panels(block.subplots(1, width, squeeze=False)[0], image, maps, titles=number < columns)
    save_figure(figure, output)
    log.info("%s: %d samples", output, len(rows))
