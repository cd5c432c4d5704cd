"""Bytes of a map and speed of several codecs, and bytes and errors of maps with fewer bits, on maps of photographs.

python -m tests.benchmarks.compression --images FOLDER
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numcodecs import Blosc, Zstd
from torchvision.models import resnet18

from saliency import GuidedGradCAM
from saliency.readers.images import Preprocessing, read_image
from saliency.store.codec import ArraySpec
from tests.benchmarks.markdown import markdown

SHUFFLES = {"no shuffle": Blosc.NOSHUFFLE, "shuffle": Blosc.SHUFFLE, "bitshuffle": Blosc.BITSHUFFLE}


def maps(files: list[Path]) -> dict[str, np.ndarray]:
    """Inputs and maps of photographs, by a network with random weights."""
    inputs = np.stack([read_image(path, Preprocessing(3, 256, 224, "bilinear")) for path in files])
    torch.manual_seed(0)
    with GuidedGradCAM(resnet18()).forward_pass(torch.from_numpy(inputs) * 4 - 2) as forward:
        found = forward.maps(forward.scores.argmax(1))
    return {"inputs": inputs, **{name: found[name].numpy() for name in ("guided_backprop", "guided_gradcam")}}


def timed(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def fewer_bits(values: np.ndarray) -> dict[str, np.ndarray]:
    """Maps as they are read again from ways to store less of them."""
    largest = np.abs(values).max(axis=(1, 2, 3), keepdims=True)
    kept = {
        f"keep_bits: {bits}": ArraySpec(values.shape[1:], "float32", ("channel", "y", "x"), 1, bits).rounded(values)
        for bits in (10, 7, 5, 3)
    }
    return {
        "as computed": values,
        **kept,
        "float16": values.astype(np.float16),
        "int8, scaled by map": np.round(values / largest * 127).astype(np.int8),
    }


def errors(array: str, values: np.ndarray) -> list[dict[str, object]]:
    """Bytes of each way, and how far values are from what was computed."""
    codec, rows = Blosc("zstd", 3, Blosc.BITSHUFFLE), []
    exact = sum(len(codec.encode(sample)) for sample in values)
    largest = np.abs(values).max(axis=(1, 2, 3), keepdims=True)
    for label, stored in fewer_bits(values).items():
        size = sum(len(codec.encode(np.ascontiguousarray(sample))) for sample in stored)
        read = stored * (largest / 127) if stored.dtype == np.int8 else stored.astype(np.float32)
        away, there = np.abs(read - values), np.abs(values) > 0
        rows.append(
            {
                **{"array": array, "stored": label, "KB a map": round(size / len(values) / 1000)},
                "of the bytes": f"{size / exact:.0%}",
                "error, of the largest value": f"{(away / largest).max():.1e}",
                "error of a value, median": f"{np.median(away[there] / np.abs(values[there])):.1e}",
                "largest": f"{(away[there] / np.abs(values[there])).max():.1e}",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder with JPEG files")
    parser.add_argument("--count", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(path for path in arguments.images.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    codecs = {
        f"blosc {name} {level}, {label}": Blosc(name, level, shuffle)
        for name, level in [("lz4", 1), ("zstd", 1), ("zstd", 3), ("zstd", 5)]
        for label, shuffle in SHUFFLES.items()
    } | {"zstd 3, without blosc": Zstd(3)}
    rows, lost = [], []
    for array, values in maps(files[: arguments.count]).items():
        lost += errors(array, values) if array != "inputs" else []
        for label, codec in codecs.items():
            encoded: list[bytes] = []
            writing = timed(
                lambda codec=codec, values=values, encoded=encoded: encoded.extend(map(codec.encode, values))
            )
            reading = timed(lambda codec=codec, encoded=encoded: [codec.decode(part) for part in encoded])
            size = sum(map(len, encoded))
            rows.append(
                {
                    **{"array": array, "codec": label, "KB a map": round(size / len(values) / 1000)},
                    "of the raw size": f"{size / values.nbytes:.1%}",
                    "writing, MB/s": round(values.nbytes / 1e6 / writing),
                    "reading, MB/s": round(values.nbytes / 1e6 / reading),
                }
            )
    print(markdown(pd.DataFrame(rows)), markdown(pd.DataFrame(lost)), sep="\n\n")


if __name__ == "__main__":
    main()
