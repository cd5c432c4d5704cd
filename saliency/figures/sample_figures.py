"""Figures of single samples: which, and with which words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from saliency.experiment.outputs import label_classes
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.figures.plot import sample_panels, wrapped
from saliency.steps.multilabel import SEVERAL

NAME_LENGTH = 60
# Of a figure's row: what a page or a screen is wide enough for.
PANELS = 8


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
    """One sample: input and maps side by side, in rows of at most `PANELS`."""
    panels = 1 + len(maps)
    rows = -(-panels // PANELS)
    # Rows as even as can be.
    width = -(-panels // rows)
    figure = Figure(figsize=(2.3 * width, 0.45 + 2.5 * rows), layout="constrained", dpi=dpi)
    cells = figure.subplots(rows, width, squeeze=False).ravel().tolist()
    sample_panels(cells[:panels], image, maps, titles=True)
    for cell in cells[panels:]:
        cell.set_axis_off()
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
        return Selection(plan).positions(selection, count).tolist()
    usable = predictions[predictions["status"] == "ok"]
    if selection == "misclassified":
        wrong = usable[usable["correct"].astype(str) == "False"]
        return wrong.sort_values("probability", ascending=False, kind="stable").index[:count].tolist()
    return usable.sort_values("probability", kind="stable").index[:count].tolist()


def _describe_values(row: pd.Series) -> tuple[str, str]:
    """The same of a model of real values."""
    label = "" if pd.isna(row["label"]) or row["label"] == "" else f", label {row['label']}"
    if row["status"] != "ok":
        return f"{row['id']}{label}", str(row["status"])
    own = list(map(str, row.index))[: list(row.index).index("status")]
    values = {name: row[name] for name in own if name.partition("_")[0] == "value"}
    return f"{row['id']}{label}", ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _classes(indices: Sequence[int] | None, names: Sequence[str]) -> str:
    return ", ".join(explained(index, names) for index in indices or (-1,))


def describe_sample(row: pd.Series, class_index: int, names: Sequence[str]) -> tuple[str, str]:
    """Heading and caption of a sample: its id and label; what is explained, and what was predicted."""
    if "predicted_class" not in row:
        return _describe_values(row)
    several = set(SEVERAL) <= set(row.index)
    labels = label_classes(row["label"]) if several else None if pd.isna(row["label"]) else (int(row["label"]),)
    label = "" if labels is None else f", label {_classes(labels, names)}"
    if row["status"] != "ok":
        return f"{row['id']}{label}", str(row["status"])
    predicted = -1 if pd.isna(row["predicted_class"]) else int(row["predicted_class"])
    said = f"predicted {_classes(label_classes(row['predicted_classes']) if several else (predicted,), names)}"
    if not pd.isna(row["probability"]):
        said += f", p = {float(row['probability']):.2f}"
    if class_index == predicted:
        return f"{row['id']}{label}", said
    return f"{row['id']}{label}", f"explained {explained(class_index, names)}; {said}"
