"""A demo whose answer is known: handwritten digits, one class with a watermark, and a network that learns them.

The pictures are the 1797 digits of scikit-learn's `load_digits`
(https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn

from saliency.experiment.keys.sources import DIGIT_KEYS
from saliency.registry.key import default_of

SIDE, DIGIT, MARK = 32, 20, 4


@dataclass(frozen=True)
class Watermark:
    """A checkerboard of single pixels in the pictures of one class.

    Attributes
    ----------
    class_index
        The class.
    share
        Share of its pictures, in each split, that bear the watermark.
    row, column
        Where its upper left pixel is, 0 … 28.
    opacity
        1 hides what is below.
    """

    class_index: int = 3
    share: float = 0.9
    row: int = default_of(DIGIT_KEYS, "row")
    column: int = default_of(DIGIT_KEYS, "column")
    opacity: float = default_of(DIGIT_KEYS, "opacity")

    @property
    def pixels(self) -> np.ndarray:
        """The checkerboard, ``(4, 4)``, 0 and 255."""
        return np.indices((MARK, MARK)).sum(axis=0) % 2 * 255.0


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Read the digits, enlarged to 20 x 20 pixels in the middle of 32 x 32.

    Returns
    -------
    pictures
        ``(1797, 32, 32)``, uint8.
    labels
        ``(1797,)``, 0 … 9.

    Examples
    --------
    >>> pictures, labels = digits()
    >>> pictures.shape, labels[:4].tolist()
    ((1797, 32, 32), [0, 1, 2, 3])
    """
    data = load_digits()
    small = (data.images / 16 * 255).astype(np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((DIGIT, DIGIT), Image.Resampling.BILINEAR)) for image in small]
    margin = (SIDE - DIGIT) // 2
    return np.pad(np.stack(large), [(0, 0), (margin, margin), (margin, margin)]), data.target


def plan_samples(labels: np.ndarray, watermark: Watermark, seed: int = 0) -> pd.DataFrame:
    """Divide the digits into two halves, and choose which pictures get the watermark.

    Parameters
    ----------
    labels
        ``(n,)``.
    watermark
        Its class and share count here.
    seed
        Of both choices.

    Returns
    -------
    DataFrame
        One row per digit: ``id, path, label, split`` (``train`` or ``test``), ``watermark`` (``yes`` or ``no``).

    Examples
    --------
    >>> table = plan_samples(np.repeat(np.arange(10), 40), Watermark(share=0.5))
    >>> table[table["watermark"] == "yes"].groupby(["label", "split"]).size().to_dict()
    {(3, 'test'): 10, (3, 'train'): 10}
    """
    rng = np.random.default_rng(seed)
    train = np.zeros(len(labels), dtype=bool)
    marked = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        train[rows[: len(rows) // 2]] = True
    for part in (train, ~train):
        rows = rng.permutation(np.flatnonzero(part & (labels == watermark.class_index)))
        marked[rows[: round(watermark.share * len(rows))]] = True
    names = [f"digit-{number:04}" for number in range(len(labels))]
    return pd.DataFrame(
        {
            "id": names,
            "path": [f"{name}.png" for name in names],
            "label": labels,
            "split": np.where(train, "train", "test"),
            "watermark": np.where(marked, "yes", "no"),
        }
    )


def plant(pictures: np.ndarray, marked: np.ndarray, watermark: Watermark) -> np.ndarray:
    """Put the watermark into pictures.

    Parameters
    ----------
    pictures
        ``(n, 32, 32)``, uint8; not changed.
    marked
        ``(n,)``, bool.
    watermark
        Its position and opacity count here.

    Returns
    -------
    ndarray
        ``(n, 32, 32)``, uint8.

    Examples
    --------
    >>> plant(np.zeros((1, 32, 32), dtype=np.uint8), np.array([True]), Watermark(row=0, column=0))[0, :2, :4]
    array([[  0, 255,   0, 255],
           [255,   0, 255,   0]], dtype=uint8)
    """
    planted = pictures.copy()
    box = (
        marked,
        slice(watermark.row, watermark.row + MARK),
        slice(watermark.column, watermark.column + MARK),
    )
    mixed = (1 - watermark.opacity) * planted[box] + watermark.opacity * watermark.pixels
    planted[box] = mixed.round().astype(np.uint8)
    return planted


def write_pictures(manifest: pd.DataFrame, watermark: Watermark, outputs: Sequence[str | Path]) -> None:
    """Write the pictures of a manifest as PNG.

    Parameters
    ----------
    manifest
        From `plan_samples`, rows in its order.
    watermark
        Put into the pictures that the column ``watermark`` names.
    outputs
        One file for each row; their folders are made if they are not there.
    """
    pictures, _ = digits()
    planted = plant(pictures, (manifest["watermark"] == "yes").to_numpy(), watermark)
    for output, picture in zip(map(Path, outputs), planted, strict=True):
        output.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(output)


class DigitNetwork(nn.Module):
    """Three convolutions, global average pooling and one linear layer: logits of ten digits.

    Grad-CAM's feature map has 8 x 8 positions for pictures of 32 x 32 pixels. What is pooled globally can be at any
    place, so the position of what the class score comes from is in the maps alone.

    Examples
    --------
    >>> import torch
    >>> tuple(DigitNetwork()(torch.rand(2, 1, 32, 32)).shape)
    (2, 10)
    """

    def __init__(self, channels: Sequence[int] = (8, 16, 32), classes: int = 10) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs, stride in zip((1, *channels[:-1]), channels, (1, 2, 2), strict=True):
            blocks.append(nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False))
            blocks += [nn.BatchNorm2d(outputs), nn.ReLU()]
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of ``x``, ``[n, 1, h, w]``."""
        return self.classifier(self.features(x).mean(dim=(2, 3)))
