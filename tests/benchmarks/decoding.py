"""Reading photographs, and what JPEG's draft mode would save and change.

    python -m tests.benchmarks.decoding --images FOLDER

Draft mode decodes at an eighth, quarter or half of the size where that is no smaller than what is wanted.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from saliency.readers.images import Preprocessing, read_image
from saliency.readers.placement import resized_size
from tests.benchmarks.markdown import markdown

PREPROCESSING = Preprocessing(3, 256, 224, "bilinear")


def read_draft(path: Path, preprocessing: Preprocessing) -> np.ndarray:
    with Image.open(path) as image:
        image.draft("RGB", resized_size(image.size, preprocessing.resize))
        return preprocessing.to_input(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder with JPEG files")
    parser.add_argument("--count", type=int, default=40)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.images.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    files, found, rows = files[: arguments.count], {}, []
    for label, read in [("as it is", read_image), ("draft mode", read_draft)]:
        begin = time.process_time()
        found[label] = np.stack([read(path, PREPROCESSING) for path in files])
        rows.append({"decoding": label, "ms an image": 1000 * (time.process_time() - begin) / len(files)})
        difference = np.abs(found[label] - found["as it is"]).reshape(len(files), -1)
        rows[-1] |= {
            "images that differ": int((difference.max(1) > 0).sum()),
            "largest difference, of 0 to 1": difference.max(),
        }
    print(f"{len(files)} images\n\n{markdown(pd.DataFrame(rows).round(2))}")


if __name__ == "__main__":
    main()
