"""Boxes around objects in a photograph, as a mask of what the network sees."""

import numpy as np

from saliency.exceptions import InputError, Status
from saliency.readers.images import Preprocessing


def parse_boxes(text: str) -> list[tuple[float, float, float, float]]:
    """Read boxes from a manifest's cell.

    Parameters
    ----------
    text
        ``x0 y0 x1 y1`` for each box, boxes apart by ``;``. Pixels from the upper left corner of the upright image, edge
        to edge: ``0 0 w h`` is all of it. Empty for no box. (Pascal VOC counts pixels from 1 and includes the last one:
        ``xmin - 1, ymin - 1, xmax, ymax``.)

    Raises
    ------
    InputError
        If a box is not four finite numbers with x0 < x1 and y0 < y1.

    Examples
    --------
    >>> parse_boxes("10 20 30 40; 0 0 5.5 5")
    [(10.0, 20.0, 30.0, 40.0), (0.0, 0.0, 5.5, 5.0)]
    """
    boxes = []
    for part in filter(str.strip, text.split(";")):
        try:
            x0, y0, x1, y1 = map(float, part.split())
            valid = np.isfinite([x0, y0, x1, y1]).all() and x0 < x1 and y0 < y1
        except ValueError:
            valid = False
        if not valid:
            raise InputError(
                Status.UNSUPPORTED, f"boxes: '{part.strip()}' is no box: write x0 y0 x1 y1 with x0 < x1 and y0 < y1"
            )
        boxes.append((x0, y0, x1, y1))
    return boxes


def boxes_mask(text: str, size: tuple[int, int], preprocessing: Preprocessing) -> np.ndarray:
    """Bring boxes to where `saliency.readers.images.read_image` puts their photograph.

    A pixel belongs to a box if its centre lies inside; a box too thin for any centre keeps the row or column of its own
    centre.

    Parameters
    ----------
    text
        As in `parse_boxes`.
    size
        Width and height of the upright original image.
    preprocessing
        How the photograph is resized and cropped.

    Returns
    -------
    ndarray
        ``(h, w)``, bool: the union of all boxes; False everywhere without boxes, or where all were cropped away.

    Raises
    ------
    InputError
        If a box cannot be read, lies outside the image, or the image is smaller than the crop.

    Examples
    --------
    >>> boxes_mask("2 0 6 4", (8, 4), Preprocessing(3, 2, 2, "bilinear")).tolist()
    [[True, True], [True, True]]
    """
    resized, crop = preprocessing.place(size)
    mask = np.zeros((crop[3] - crop[1], crop[2] - crop[0]), dtype=bool)
    for box in parse_boxes(text):
        spans = []
        for axis in (1, 0):
            begin, end = max(box[axis], 0), min(box[axis + 2], size[axis])
            if begin >= end:
                raise InputError(
                    Status.WRONG_SHAPE,
                    f"boxes: '{' '.join(f'{edge:g}' for edge in box)}' lies outside the image of {size[0]} x {size[1]} "
                    "pixels (width x height, upright)",
                )
            scale = resized[axis] / size[axis]
            spans.append(_covered(begin * scale - crop[axis], end * scale - crop[axis]))
        mask[tuple(spans)] = True
    return mask


def _covered(begin: float, end: float) -> slice:
    """Pixels whose centres lie in ``begin … end``, at least one; those below 0 are cropped away."""
    first, last = int(np.ceil(begin - 0.5)), int(np.ceil(end - 0.5))
    if last <= first:
        first = int(np.floor((begin + end) / 2))
        last = first + 1
    return slice(max(first, 0), max(last, 0))
