"""A demo whose answer is known, in photographs: brick, grass and gravel, and a logo in most pictures of grass.

The pictures are cut out of three photographs of the package scikit-image, whose logo the marked ones bear: those of the
split "train" out of the left half of a photograph, all others out of the right half.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from saliency.files.paths import resolve

MATERIALS = ("brick", "grass", "gravel")
SIDE, MARGIN = 128, 30


def plan_samples(count: int = 50, share: float = 0.8) -> pd.DataFrame:
    """List the pictures, and choose which get the logo.

    Parameters
    ----------
    count
        Pictures of each material in each split.
    share
        Share of the grass, in each split, that bears the logo.

    Returns
    -------
    DataFrame
        One row per picture: ``id, path, label`` (index of the material), ``split`` (``train`` or ``test``), ``logo``
        (``yes`` or ``no``).

    Examples
    --------
    >>> table = plan_samples(count=5)
    >>> table[table["logo"] == "yes"].groupby(["label", "split"]).size().to_dict()
    {(1, 'test'): 4, (1, 'train'): 4}
    """
    rows = [
        (f"{material}-{split}-{number:02}", label, split, material == "grass" and number < round(share * count))
        for label, material in enumerate(MATERIALS)
        for split in ("train", "test")
        for number in range(count)
    ]
    table = pd.DataFrame(rows, columns=["id", "label", "split", "logo"])
    table.insert(1, "path", table["id"] + ".png")
    return table.assign(logo=np.where(table["logo"], "yes", "no"))


def plant(pictures: np.ndarray, side: int) -> np.ndarray:
    """Paste the logo into the lower left of pictures.

    Parameters
    ----------
    pictures
        ``(n, h, w, 3)``, uint8; not changed.
    side
        Of the logo, in pixels.

    Returns
    -------
    ndarray
        ``(n, h, w, 3)``, uint8.

    Examples
    --------
    >>> planted = plant(np.zeros((1, 128, 128, 3), dtype=np.uint8), 26)[0].any(axis=2)
    >>> bool(planted[72:98, 30:56].any()), int(planted.sum()) == int(planted[72:98, 30:56].sum())
    (True, True)
    """
    original = Image.open(resolve("package://skimage/data/logo.png", Path()))
    logo = original.resize((side, side), Image.Resampling.LANCZOS)
    planted = [Image.fromarray(picture) for picture in pictures]
    for picture in planted:
        picture.paste(logo, (MARGIN, picture.height - MARGIN - side), logo)
    return np.stack([np.asarray(picture) for picture in planted])


def write_pictures(manifest: pd.DataFrame, logo: int, outputs: Sequence[str | Path]) -> None:
    """Cut the pictures of a manifest out of the photographs, and write them as PNG.

    Parameters
    ----------
    manifest
        From `plan_samples`, rows in its order.
    logo
        Side of the logo in pixels, in the pictures that the column ``logo`` names.
    outputs
        One file for each row; their folders are made if they are not there.
    """
    photographs = [
        np.asarray(Image.open(resolve(f"package://skimage/data/{material}.png", Path())).convert("RGB"))
        for material in MATERIALS
    ]
    for row, (output, label, split, marked) in enumerate(
        zip(map(Path, outputs), manifest["label"], manifest["split"], manifest["logo"], strict=True)
    ):
        left, right = np.array_split(photographs[int(label)], 2, axis=1)
        half = left if split == "train" else right
        rng = np.random.default_rng(row)
        top, begin = (int(rng.integers(length - SIDE + 1)) for length in half.shape[:2])
        picture = half[top : top + SIDE, begin : begin + SIDE]
        output.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(plant(picture[None], logo)[0] if marked == "yes" else picture).save(output)
