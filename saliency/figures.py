"""Figures of a run: of each chosen sample, and contact sheets."""

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from saliency.atomic_files import write_atomically
from saliency.plan import Plan
from saliency.plot import sample_panels, wrapped
from saliency.sample_maps import SampleReader
from saliency.volume_plot import montage_figure, orthogonal_figure
from saliency.volume_slices import AXIAL, peak, slice_plane, window

log = logging.getLogger(__name__)

NAME_LENGTH = 60


def explained(class_index: int, names: Sequence[str]) -> str:
    """Describe the explained class: its index and name.

    Examples
    --------
    >>> explained(1, ["dog", "cat"]), explained(7, []), explained(-1, [])
    ('cat (1)', 'class 7', 'none')
    """
    if class_index < 0:
        return "none"
    if class_index >= len(names):
        return f"class {class_index}"
    # A name of several lines, or of a page, would leave no room for the maps.
    name = "".join(letter if letter.isprintable() else " " for letter in names[class_index])
    return f"{name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + '…'} ({class_index})"


def sample_figure(image: np.ndarray, maps: dict[str, np.ndarray], heading: str, caption: str, dpi: int = 120) -> Figure:
    """One sample: input and maps side by side."""
    width = 1 + len(maps)
    figure = Figure(figsize=(2.3 * width, 2.95), layout="constrained", dpi=dpi)
    cells = figure.subplots(1, width, squeeze=False)[0]
    sample_panels(cells, image, maps, titles=True)
    # Names may hold dollar signs, which are no formulas.
    figure.suptitle(wrapped(f"{heading}\n{caption}", 2.3 * width, 10), fontsize=10, parse_math=False)
    return figure


def select_rows(plan: Plan, predictions: pd.DataFrame, selection: str) -> list[int]:
    """Row numbers of a contact sheet's samples.

    Parameters
    ----------
    plan
        The experiment.
    predictions
        ``predictions.csv``, one row per sample.
    selection
        "first", "random" (with the config's seed), "misclassified" (surest first) or "least_confident".
    """
    count = plan.config["plots"]["count"]
    if selection in ("first", "random"):
        return plan.positions(selection, count).tolist()
    usable = predictions[predictions["status"] == "ok"]
    if selection == "misclassified":
        wrong = usable[usable["correct"].astype(str) == "False"]
        return wrong.sort_values("probability", ascending=False, kind="stable").index[:count].tolist()
    return usable.sort_values("probability", kind="stable").index[:count].tolist()


def describe_sample(row: pd.Series, class_index: int, names: Sequence[str]) -> tuple[str, str]:
    """Heading and caption of a sample: its id and label; what is explained, and what was predicted."""
    label = "" if pd.isna(row["label"]) else f", label {explained(int(row['label']), names)}"
    if row["status"] != "ok":
        return f"{row['id']}{label}", str(row["status"])
    predicted = explained(int(row["predicted_class"]), names)
    said = f"predicted {predicted}"
    if not pd.isna(row["probability"]):
        said += f", p = {float(row['probability']):.2f}"
    if class_index == int(row["predicted_class"]):
        return f"{row['id']}{label}", said
    return f"{row['id']}{label}", f"explained {explained(class_index, names)}; {said}"


def _read_predictions(path: Path) -> pd.DataFrame:
    # Ids such as 001, 1e5 and nan stay what they are.
    return pd.read_csv(path, converters={"id": str})


def save_figure(figure: Figure, output: Path) -> None:
    """Write a figure as PNG, in one step."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(output, content.getvalue())


def draw_samples(read: SampleReader, predictions: Path, outputs: Mapping[str, Path]) -> None:
    """Draw the figures of the plan's chosen samples.

    Parameters
    ----------
    read
        Gives a sample's arrays.
    predictions
        ``predictions.csv``.
    outputs
        Files by id; for volumes also by id with "/montage" appended.
    """
    table = _read_predictions(predictions)
    for row in read.plan.chosen.index:
        sample = read(row)
        name = read.plan.samples["id"][row]
        text = describe_sample(table.loc[row], sample.class_index, read.class_names)
        if sample.voxel_size is None:
            save_figure(sample_figure(sample.image, sample.maps, *text), outputs[name])
        else:
            orthogonal = orthogonal_figure(sample.image, sample.maps, sample.voxel_size, *text)
            save_figure(orthogonal, outputs[name])
            montage = montage_figure(sample.image, sample.maps, *text, voxel_size=sample.voxel_size)
            save_figure(montage, outputs[f"{name}/montage"])
        log.info("%s", outputs[name])


def draw_contact_sheet(read: SampleReader, predictions: Path, selection: str, output: Path) -> None:
    """Draw the contact sheet of a selection: many samples with input and maps, two side by side.

    Of volumes, the axial slice through the largest Grad-CAM value is shown.
    """
    table = _read_predictions(predictions)
    rows = select_rows(read.plan, table, selection)
    title = f"{read.model}, class explained: {read.target}, samples: {selection.replace('_', ' ')}"
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
            text = describe_sample(table.loc[rows[number]], sample.class_index, read.class_names)
            block.suptitle(wrapped("\n".join(text), 1.5 * width, 7), fontsize=7, parse_math=False)
            sample_panels(block.subplots(1, width, squeeze=False)[0], image, maps, titles=number < columns)
    save_figure(figure, output)
    log.info("%s: %d samples", output, len(rows))
