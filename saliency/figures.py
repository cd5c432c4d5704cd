"""Figures of a run: one per chosen sample, and contact sheets."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from saliency.config import Config, read_class_names
from saliency.gradcam import enlarge
from saliency.plan import Plan
from saliency.plot import sample_panels
from saliency.shards import read_shard
from saliency.store import plan_specs

log = logging.getLogger(__name__)


class MapReader:
    """Reads single samples of one target out of the shards of a store.

    Parameters
    ----------
    config
        The completed config.
    model, target
        Names.
    store
        The model's store.
    descriptions
        Its JSON descriptions.
    """

    def __init__(
        self, config: Config, model: str, target: str, store: Path, descriptions: Iterable[str | Path]
    ) -> None:
        self.plan, self.model, self.target, self.store = Plan(config), model, target, store
        self.specs = plan_specs(self.plan, model, descriptions)
        self.class_names = read_class_names(config["models"][model]["class_names"])

    def _sample(self, name: str, row: int) -> np.ndarray:
        shard, position = divmod(row, self.plan.shard_size)
        path = self.store / self.plan.shard_key(name, shard)
        return read_shard(path, len(self.plan.rows(shard)), self.specs[name], [position])[0]

    def __call__(self, row: int) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
        """Input ``(c, *spatial)``, maps by method at the input's size, and the explained class of one sample."""
        image = self._sample("inputs", row)
        maps = {method: self._sample(f"{self.target}/{method}", row) for method in self.plan.methods}
        if "gradcam" in maps:
            maps["gradcam"] = enlarge(torch.from_numpy(maps["gradcam"][np.newaxis]), image.shape[1:])[0].numpy()
        return image, maps, int(self._sample(f"{self.target}/class", row))


def explained(class_index: int, names: Sequence[str]) -> str:
    """Describe the explained class: its index and name.

    Examples
    --------
    >>> explained(1, ["dog", "cat"]), explained(7, []), explained(-1, [])
    ('cat (1)', 'class 7', 'none')
    """
    if class_index < 0:
        return "none"
    return f"{names[class_index]} ({class_index})" if class_index < len(names) else f"class {class_index}"


def sample_figure(image: np.ndarray, maps: dict[str, np.ndarray], heading: str, caption: str, dpi: int = 120) -> Figure:
    """One sample: input and maps side by side."""
    width = 1 + len(maps)
    figure = Figure(figsize=(2.3 * width, 2.95), layout="constrained", dpi=dpi)
    cells = figure.subplots(1, width, squeeze=False)[0]
    sample_panels(cells, image, maps, titles=True)
    figure.suptitle(f"{heading}\n{caption}", fontsize=10)
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
    said = f"predicted {predicted}, p = {float(row['probability']):.2f}"
    if class_index == int(row["predicted_class"]):
        return f"{row['id']}{label}", said
    return f"{row['id']}{label}", f"explained {explained(class_index, names)}; {said}"


def draw_samples(read: MapReader, predictions: Path, outputs: Sequence[Path]) -> None:
    """Draw the figures of the plan's chosen samples, in their order."""
    table = pd.read_csv(predictions)
    for row, output in zip(read.plan.chosen.index, outputs, strict=True):
        image, maps, class_index = read(row)
        heading, caption = describe_sample(table.loc[row], class_index, read.class_names)
        sample_figure(image, maps, heading, caption).savefig(output)
        log.info("%s", output)


def draw_contact_sheet(read: MapReader, predictions: Path, selection: str, output: Path) -> None:
    """Draw the contact sheet of a selection: many samples with input and maps, two side by side."""
    table = pd.read_csv(predictions)
    rows = select_rows(read.plan, table, selection)
    title = f"{read.model}, class explained: {read.target}, samples: {selection.replace('_', ' ')}"
    width = 1 + len(read.plan.methods)
    if not rows:
        figure = Figure(figsize=(3 * width, 1.2))
        figure.text(0.5, 0.5, f"{title}\nno such sample", ha="center", va="center")
        figure.savefig(output)
        return
    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(1.5 * width * columns, 2 * lines + 0.5), layout="constrained", dpi=110)
    figure.suptitle(title, fontsize=11)
    for number, block in enumerate(figure.subfigures(lines, columns, squeeze=False).flat):
        if number < len(rows):
            image, maps, class_index = read(rows[number])
            heading, caption = describe_sample(table.loc[rows[number]], class_index, read.class_names)
            block.suptitle(f"{heading}\n{caption}", fontsize=7)
            sample_panels(block.subplots(1, width, squeeze=False)[0], image, maps, titles=number < columns)
    figure.savefig(output)
    log.info("%s: %d samples", output, len(rows))
