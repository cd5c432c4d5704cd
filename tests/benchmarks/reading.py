"""What it costs to read a sample of each format, from the file to what the network sees.

    python -m tests.benchmarks.reading

Photographs of 500 x 375 pixels become 224 x 224. Volumes of about two million voxels are oriented, cut to 128 voxels
along each axis, and standardised. The files lie in the memory of the operating system: what a disk or a network adds is
not measured. Printed is processor time, the median of some repeats.
"""

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.readers.images import Preprocessing, read_image
from saliency.readers.volumes import VolumePreprocessing
from tests.benchmarks.markdown import markdown
from tests.helpers import formats_table
from tests.readers.formats.test_dicom_volumes import series


def smooth(shape: tuple[int, ...]) -> np.ndarray:
    """Something with large and small structures and some noise, from 0 to 255: noise alone cannot be compressed."""
    axes = np.ogrid[tuple(slice(0, size) for size in shape)]
    waves = np.sin(sum(axis * 0.1 * (number + 1) for number, axis in enumerate(axes)))
    return 120 + 80 * waves + np.random.default_rng(0).normal(0, 5, shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--side", type=int, default=128, help="voxels along each axis of a volume")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    picture = smooth((375, 500, 3)).astype(np.uint8)
    formats_table.RGB, formats_table.GREY = picture, picture[..., 0]
    formats_table.SCAN = smooth((arguments.side,) * 3).astype(np.float32)
    slices = smooth((7, 4 * arguments.side, 4 * arguments.side)).astype(np.int16)
    rows: dict[str, list[dict[str, object]]] = {"2D": [], "3D": []}
    for one in formats_table.FORMATS:
        if not one.seen or "codes 0" in one.title or "alone" in one.title or "junk" in one.title:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, one.name)
            if one.make is series:
                series(path, volume=slices)
            else:
                one.make(path)
            seconds = [_seconds(one, path, arguments.side) for _ in range(arguments.repeats)]
        rows[one.mode].append({"format": one.title, "ms": round(1000 * statistics.median(seconds), 1)})
    for mode, table in rows.items():
        print(f"\n{mode}\n\n{markdown(pd.DataFrame(table))}")


def _seconds(one: formats_table.Format, path: Path, side: int) -> float:
    begin = time.process_time()
    if one.mode == "2D":
        read_image(path, Preprocessing(one.channels, 256, 224, "bilinear"))
    else:
        VolumePreprocessing(1, None, side, "linear", "zscore", "all", [1, 99]).read({"path": path})
    return time.process_time() - begin


if __name__ == "__main__":
    main()
