"""What a check did, in pictures: of some rows of its table, those that went in and what became of them.

They are small, lie in a JSON file beside the table, and say into which class the network puts them. A finding names the
row on which it rests; figures and the page show its pictures, whichever check made them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from saliency.audit.grid import pool
from saliency.experiment.report_size import report_shape
from saliency.figures.display import display_image
from saliency.figures.slices import AXIAL, slice_plane, window
from saliency.figures.webp import EXACT_SIDE, read_webp, webp
from saliency.files.atomic_files import write_atomically

# Rows that have pictures, at most, those with the strongest effects; and the pictures' longest side.
MOST, SIDE = 40, 160
# From this effect on a row may have pictures: that of a finding has to be larger, unless a config has low thresholds.
LEAST_EFFECT = 0.15


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    words
        What it is, at the beginning of a caption: ``the source``.
    predicted
        Index of the class that the network puts it into, -1 for none.
    sample
        Id of the sample that it shows, as it is or changed.
    size
        Height and width.
    webp
        The picture, as `saliency.figures.webp.webp` encodes it.
    """

    words: str
    predicted: int
    sample: str
    size: tuple[int, int]
    webp: str


@dataclass(frozen=True)
class Step:
    """A picture as a check has it: as `Picture`, but with ``values``, ``(c, *spatial)`` before normalisation."""

    words: str
    predicted: int
    sample: str
    values: np.ndarray


def draw_steps(steps: Sequence[Step], before: int, after: int) -> list[Picture]:
    """Draw what a check did, all pictures in one range of grey or colours.

    Parameters
    ----------
    steps
        The first one shows a sample as it is.
    before, after
        Numbers of two between which something was changed: of volumes, all show the axial slice through its middle.

    Examples
    --------
    >>> x = np.arange(6.0).reshape(1, 2, 3)
    >>> first, second = draw_steps([Step("as it is", 0, "a", x), Step("darker", 1, "a", x - 1)], 0, 1)
    >>> read_webp(first.webp)[..., 0].tolist(), second.size
    ([[42, 85, 128], [170, 212, 255]], (2, 3))
    """
    x = np.stack([step.values for step in steps]).astype(np.float64)
    if x.ndim == 5:
        level = middle_slice(steps[before].values, steps[after].values)
        x = np.stack([slice_plane(volume[np.newaxis], AXIAL, level) for volume in window(x[:, 0])])
    elif x[0].min() < 0 or x[0].max() > 1:
        x = (x - x.min()) / ((x.max() - x.min()) or 1)
    size = tuple(report_shape(x.shape[2:], SIDE))
    shown = [display_image(pool(np.clip(values, 0, 1), size)) for values in x]
    encoded = [webp(np.round(values * 255).astype(np.uint8), max(size) <= EXACT_SIDE) for values in shown]
    return [
        Picture(step.words, int(step.predicted), str(step.sample), (size[0], size[1]), text)
        for step, text in zip(steps, encoded, strict=True)
    ]


def middle_slice(before: np.ndarray, after: np.ndarray) -> int:
    """Axial slice through the middle of what differs between two volumes ``(c, x, y, z)``; of nothing, the middle one.

    Examples
    --------
    >>> x = np.zeros((1, 4, 4, 9))
    >>> y = x.copy()
    >>> y[0, 0, 0, 5:8] = 1
    >>> middle_slice(x, y), middle_slice(x, x)
    (6, 4)
    """
    changed = np.flatnonzero((before != after).any(axis=(0, 1, 2)))
    return int(changed[0] + changed[-1]) // 2 if len(changed) else before.shape[-1] // 2


def strongest(effects: ArrayLike) -> list[int]:
    """Numbers of the rows that may have pictures, the strongest effect first.

    Examples
    --------
    >>> strongest([0.5, float("nan"), 0.1, 0.9])
    [3, 0]
    """
    found = np.asarray(effects, dtype=float)
    ranked = np.argsort(-found, kind="stable")
    return [int(row) for row in ranked if found[row] >= LEAST_EFFECT][:MOST]


def write_pictures(path: Path, pictures: Mapping[int, Sequence[Picture]]) -> None:
    """Write the pictures of rows of a table, by the row's number from 0 on."""
    content = {str(row): [asdict(picture) for picture in of_row] for row, of_row in sorted(pictures.items())}
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def read_pictures(path: Path) -> dict[int, list[Picture]]:
    """Read what `write_pictures` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        int(row): [Picture(**{**picture, "size": tuple(picture["size"])}) for picture in of_row]
        for row, of_row in content.items()
    }


def pictures_figure(strips: Sequence[tuple[str, Sequence[Picture]]], empty: str) -> Figure:
    """Pictures of rows, one below the other, each under its heading.

    Parameters
    ----------
    strips
        Heading and pictures of each row.
    empty
        Stands there if there is none.
    """
    if not strips:
        figure = Figure(figsize=(7, 1.2), layout="constrained", dpi=110)
        figure.suptitle(empty, fontsize=10)
        return figure
    columns = max(len(pictures) for _, pictures in strips)
    figure = Figure(figsize=(2.5 * columns, 2.8 * len(strips)), layout="constrained", dpi=110)
    for part, (heading, pictures) in zip(figure.subfigures(len(strips), 1, squeeze=False)[:, 0], strips, strict=True):
        part.suptitle(heading, fontsize=9, parse_math=False)
        for number, axes in enumerate(part.subplots(1, columns, squeeze=False)[0]):
            if number >= len(pictures):
                axes.set_axis_off()
                continue
            picture = pictures[number]
            axes.imshow(read_webp(picture.webp))
            of = "no class" if picture.predicted < 0 else f"class {picture.predicted}"
            axes.set_title(f"{picture.words}:\n{of}", fontsize=8, parse_math=False)
            axes.set_xlabel(picture.sample, fontsize=7, parse_math=False)
            # A white frame has to be seen.
            axes.set(xticks=[], yticks=[])
    return figure
