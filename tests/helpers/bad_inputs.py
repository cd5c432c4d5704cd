"""Kinds of bad and unusual input: how each file is made, and what becomes of it.

    python -m tests.helpers.bad_inputs > docs/bad-inputs.md

writes the table of the documentation, from runs over a file of each kind.
"""

import contextlib
import logging
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from saliency.exceptions import Status
from saliency.experiment.config import file_columns, input_shape
from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from saliency.steps.failures import write_errors
from saliency.steps.fused import fused
from saliency.steps.predictions import write_predictions
from tests.helpers.shards import stored_shard

ROOT = Path(__file__).parents[2]
PHOTO = {"resize": 32, "crop": 30, "mean": [0], "std": [1]}
GREY = {**PHOTO, "channels": 1}
VOLUME = {"mode": "3D", "crop": 8}
TWO_FILES = {**VOLUME, "channels": ["a", "b"]}
MASKED = {**VOLUME, "intensity_over": "mask"}
RAW = {**VOLUME, "intensity": "none"}


class Network(nn.Module):
    """Two convolutions and three classes."""

    def __init__(self, channels, ndim):
        super().__init__()
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        self.first, self.second = convolution(channels, 4, 3), convolution(4, 4, 3)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).flatten(2).mean(2))


@dataclass(frozen=True)
class Kind:
    """A kind of file; `pixels` gives what the network has to see of it, ``(c, *spatial)`` before cropping."""

    title: str
    name: str
    make: Callable[[Path], object]
    status: str = ""
    settings: dict = field(default_factory=lambda: PHOTO)
    column: str = "path"
    label: str = ""
    pixels: Callable[[Path], np.ndarray] | None = None
    seen: str = ""


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


RGB, DEEP, SCAN = noise(32, 40, 3), noise(32, 40, dtype=np.uint16), np.float32(noise(10, 9, 12)) + 1
INDICES = noise(32, 40) % 3
PALETTE = np.array([[255, 0, 0], [0, 255, 0], [51, 102, 153]], dtype=np.uint8)


def scaled(values, most=255):
    """``(h, w)`` or ``(h, w, c)`` to ``(3, h, w)`` from 0 to 1."""
    values = np.stack([values] * 3, axis=-1) if values.ndim == 2 else values
    return np.moveaxis(values[..., :3], -1, 0) / most


def image(values, **options):
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
    return lambda path: picture.save(path, **options)


def palette(**options):
    picture = Image.fromarray(INDICES, "P")
    picture.putpalette(PALETTE.tobytes())
    return image(picture, **options)


def frames(first, **options):
    return image(first, save_all=True, append_images=[Image.new("RGB", (40, 32), "blue")], **options)


def of_pixels(pixels):
    return lambda path: pixels


def turned(turn):
    """The pixels of a JPEG file as another file has them without orientation, turned by NumPy."""

    def pixels(path):
        image(RGB)(path.with_name("plain.jpg"))
        return scaled(turn(np.asarray(Image.open(path.with_name("plain.jpg")))))

    return pixels


def upright(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def with_value(values, value):
    values = values.astype(np.float32)
    values[tuple(length // 2 for length in values.shape)] = value
    return values


def cut(make, share=0.5):
    def made(path):
        make(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return made


def png(width, height, depth, colours, rows=b""):
    """A PNG file with any header, also one that lies."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colours, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return lambda path: path.write_bytes(content)


DEEP_RGB = noise(32, 40, 3, dtype=np.uint16)
DEEP_ROWS = b"".join(b"\0" + row.astype(">u2").tobytes() for row in DEEP_RGB)


def volume(values, affine=None, kind=nib.Nifti1Image):
    return lambda path: nib.save(kind(values, np.eye(4) if affine is None else affine), path)


def header(offset, layout, *numbers):
    """A NIfTI file that nibabel would not write: some bytes of its header are others."""

    def made(path):
        volume(SCAN)(path)
        content = bytearray(path.read_bytes())
        struct.pack_into(layout, content, offset, *numbers)
        path.write_bytes(content)

    return made


def nothing(path):
    pass


UNREADABLE, WRONG_SHAPE, NOT_FINITE = Status.UNREADABLE, Status.WRONG_SHAPE, Status.NOT_FINITE
FLOATS = {"settings": {**PHOTO, "channels": 1, "resize": None}}
RGB_VOXELS = np.zeros((10, 9, 12), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
NAN = float("nan")

REFUSED = [
    Kind("file that is not there", "gone.png", nothing, Status.MISSING),
    Kind("empty file", "empty.jpg", Path.touch, UNREADABLE),
    Kind("folder", "folder.jpg", Path.mkdir, UNREADABLE),
    Kind("symbolic link to itself", "loop.jpg", lambda path: path.symlink_to(path.name), UNREADABLE),
    Kind("named pipe", "pipe.jpg", os.mkfifo, UNREADABLE),
    Kind("text named .jpg", "text.jpg", lambda path: path.write_text("id,path\n"), UNREADABLE),
    Kind("JPEG that ends too early", "half.jpg", cut(image(RGB)), UNREADABLE),
    Kind("PNG that ends too early", "half.png", cut(image(RGB)), UNREADABLE),
    Kind("PNG that ends in its header", "start.png", cut(image(RGB), 0.005), UNREADABLE),
    Kind("floating point TIFF with NaN", "nan.tif", image(with_value(DEEP, NAN)), NOT_FINITE, FLOATS["settings"]),
    Kind("floating point TIFF with Inf", "inf.tif", image(with_value(DEEP, np.inf)), NOT_FINITE, FLOATS["settings"]),
    Kind("32-bit TIFF beyond 65535", "deep.tif", image(np.full((32, 40), 70000, np.int32)), Status.UNSUPPORTED),
    Kind("decompression bomb (PNG that claims 30000 x 30000 pixels)", "bomb.png", png(30000, 30000, 8, 2), WRONG_SHAPE),
    Kind(
        "1 x 30000 pixels, with `resize: 256`",
        "thin.png",
        image(np.zeros((1, 30000), np.uint8)),
        WRONG_SHAPE,
        {**PHOTO, "resize": 256},
    ),
    Kind("smaller than the crop", "small.png", image(RGB[:20]), WRONG_SHAPE, {**PHOTO, "resize": None}),
    Kind(
        "values so large that the network's output overflows",
        "large.tif",
        image(np.full((32, 40), 3e38, np.float32)),
        "the output is not finite",
        {**FLOATS["settings"], "std": [1e-5]},
    ),
    Kind(
        "label that the model has no class for",
        "label.png",
        image(RGB),
        "the label is outside the model's classes",
        label="7",
    ),
    Kind("volume: empty file", "empty.nii.gz", Path.touch, UNREADABLE, VOLUME),
    Kind("volume: text", "text.nii", lambda path: path.write_text("id,path\n" * 99), UNREADABLE, VOLUME),
    Kind("volume: .nii.gz that ends too early", "half.nii.gz", cut(volume(SCAN)), UNREADABLE, VOLUME),
    Kind("volume: .nii that ends too early", "half.nii", cut(volume(SCAN)), UNREADABLE, VOLUME),
    Kind("volume: unknown data type", "type.nii", header(70, "<h", 1234), UNREADABLE, VOLUME),
    Kind("volume: header claims a terabyte", "claim.nii", header(42, "<3h", 8000, 8000, 8000), UNREADABLE, VOLUME),
    Kind("volume: axis of negative length", "negative.nii", header(42, "<h", -3), WRONG_SHAPE, VOLUME),
    Kind("volume: axis of length 0", "zero.nii", volume(SCAN[:0]), WRONG_SHAPE, VOLUME),
    Kind("volume: two axes", "flat.nii", volume(SCAN[0]), WRONG_SHAPE, VOLUME),
    Kind("volume: four axes, one channel wanted", "four.nii", volume(np.stack([SCAN] * 2, 3)), WRONG_SHAPE, VOLUME),
    Kind("volume: three axes, two channels wanted", "three.nii", volume(SCAN), WRONG_SHAPE, {**VOLUME, "channels": 2}),
    Kind(
        "volume: axis of 40000 voxels",
        "long.nii",
        volume(np.ones((40000, 2, 2), np.uint8), kind=nib.Nifti2Image),
        WRONG_SHAPE,
        VOLUME,
    ),
    Kind("volume: NaN", "nan.nii", volume(with_value(SCAN, NAN)), NOT_FINITE, VOLUME),
    Kind("volume: Inf", "inf.nii", volume(with_value(SCAN, np.inf)), NOT_FINITE, VOLUME),
    Kind("volume: all zero", "zeros.nii", volume(SCAN * 0), Status.EMPTY, VOLUME),
    Kind(
        "volume: CT, with `intensity_over: nonzero`",
        "ct.nii",
        volume(np.pad(SCAN, 1, constant_values=-1000) * (np.pad(SCAN, 1, constant_values=-1000) != 40)),
        Status.UNSUPPORTED,
        VOLUME,
    ),
    Kind("volume: constant, with `intensity: zscore`", "constant.nii", volume(SCAN * 0 + 1), Status.EMPTY, VOLUME),
    Kind("volume: RGB values", "rgb.nii", volume(RGB_VOXELS), Status.UNSUPPORTED, VOLUME),
    Kind("volume: complex values", "complex.nii", volume(SCAN * np.complex64(1j)), Status.UNSUPPORTED, VOLUME),
    Kind("volume: surface (GIFTI)", "s.gii", lambda p: nib.save(nib.GiftiImage(), p), Status.UNSUPPORTED, VOLUME),
    Kind("volume: NaN in the affine", "affine.nii", header(312, "<f", NAN), Status.UNSUPPORTED, VOLUME),
    Kind(
        "volume: affine that cannot be inverted", "flat.nii", header(312, "<4f", *[0] * 4), Status.UNSUPPORTED, VOLUME
    ),
    Kind(
        "volume: metres for millimetres, with `voxel_size: 1`",
        "metres.nii",
        volume(SCAN, np.diag([1e3, 1e3, 1e3, 1])),
        WRONG_SHAPE,
        {**VOLUME, "voxel_size": 1},
    ),
    Kind("volume: file of a second channel is not there", "gone.nii", nothing, Status.MISSING, TWO_FILES, "path_b"),
    Kind("volume: second channel of another shape", "b.nii", volume(SCAN[1:]), WRONG_SHAPE, TWO_FILES, "path_b"),
    Kind(
        "volume: second channel at another place",
        "b.nii",
        volume(SCAN, np.diag([1, 1, 2, 1])),
        WRONG_SHAPE,
        TWO_FILES,
        "path_b",
    ),
    Kind("volume: mask on another grid", "mask.nii", volume(SCAN[:, 1:]), WRONG_SHAPE, MASKED, "mask"),
    Kind("volume: mask of nothing", "mask.nii", volume(SCAN * 0), Status.EMPTY, MASKED, "mask"),
]

LUMA = (RGB @ [0.299, 0.587, 0.114])[np.newaxis] / 255
# What brings an image upright that is stored with an EXIF orientation.
TURNS = {
    3: lambda pixels: np.rot90(pixels, 2),
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    8: lambda pixels: np.rot90(pixels, 1),
}
INK = np.kron(np.array([[[255, 0, 0, 0], [0, 200, 0, 50]], [[90, 0, 255, 0], [0, 0, 0, 99]]]), np.ones((16, 16, 1)))
INKED = np.moveaxis((255 - INK[..., :3]) * (255 - INK[..., 3:]), -1, 0) / 255**2
USED = [
    Kind(
        "constant image", "flat.png", image(RGB * 0 + 51), pixels=of_pixels(np.full((3, 32, 40), 0.2)), seen="as it is"
    ),
    Kind(
        "1 x 1 pixel",
        "one.png",
        image(RGB[:1, :1]),
        pixels=of_pixels(np.broadcast_to(RGB[0, 0][:, None, None] / 255, (3, 32, 32))),
        seen="the one colour everywhere",
    ),
    Kind(
        "32 x 3200 pixels",
        "long.png",
        image(np.tile(RGB, (1, 80, 1))),
        pixels=of_pixels(scaled(np.tile(RGB, (1, 80, 1)))),
        seen="its centre, as any image that is not square",
    ),
    Kind(
        "95 million pixels, more than Pillow warns of",
        "large.png",
        image(Image.new("1", (9500, 10000), 1)),
        settings=GREY,
        pixels=of_pixels(np.ones((1, 33, 32))),
        seen="as it is; twice Pillow's limit is refused, see above",
    ),
    Kind(
        "CMYK JPEG",
        "cmyk.jpg",
        image(Image.fromarray(np.uint8(INK), "CMYK"), quality=100),
        pixels=of_pixels(INKED),
        seen="RGB; inks are taken off white",
    ),
    Kind(
        "greyscale, RGB wanted",
        "grey.png",
        image(RGB[..., 0]),
        pixels=of_pixels(scaled(RGB[..., 0])),
        seen="three equal channels",
    ),
    Kind("RGB, greyscale wanted", "rgb.png", image(RGB), settings=GREY, pixels=of_pixels(LUMA), seen="ITU-R 601 luma"),
    Kind(
        "16-bit greyscale PNG",
        "deep.png",
        image(DEEP),
        pixels=of_pixels(scaled(DEEP, 65535)),
        seen="all 16 bits, not clipped",
    ),
    Kind(
        "16-bit RGB PNG",
        "deep.png",
        png(40, 32, 16, 2, DEEP_ROWS),
        pixels=of_pixels(scaled(DEEP_RGB, 65535)),
        seen="the upper 8 bits of each channel, which is what Pillow reads",
    ),
    Kind(
        "palette PNG",
        "palette.png",
        palette(),
        pixels=of_pixels(scaled(PALETTE[INDICES])),
        seen="the palette's colours",
    ),
    Kind(
        "palette PNG with transparency",
        "palette.png",
        palette(transparency=bytes([0, 128])),
        pixels=of_pixels(scaled(PALETTE[INDICES])),
        seen="the palette's colours; transparency is ignored",
    ),
    Kind(
        "RGBA PNG",
        "alpha.png",
        image(noise(32, 40, 4)),
        pixels=of_pixels(scaled(noise(32, 40, 4))),
        seen="the colours; transparency is ignored",
    ),
    Kind(
        "greyscale PNG with transparency",
        "alpha.png",
        image(noise(32, 40, 2)),
        pixels=of_pixels(scaled(noise(32, 40, 2)[..., 0])),
        seen="the grey values; transparency is ignored",
    ),
    Kind(
        "1-bit PNG",
        "bits.png",
        image(Image.fromarray(INDICES > 0)),
        pixels=of_pixels(scaled(INDICES > 0, 1)),
        seen="0 and 1",
    ),
    Kind(
        "animated GIF",
        "moves.gif",
        frames(Image.fromarray(PALETTE[INDICES])),
        pixels=of_pixels(scaled(PALETTE[INDICES])),
        seen="the first frame",
    ),
    Kind(
        "animated WebP",
        "moves.webp",
        frames(Image.fromarray(RGB), lossless=True),
        pixels=of_pixels(scaled(RGB)),
        seen="the first frame",
    ),
    Kind(
        "TIFF of several pages",
        "pages.tif",
        frames(Image.fromarray(RGB)),
        pixels=of_pixels(scaled(RGB)),
        seen="the first page",
    ),
    *(
        Kind(
            f"JPEG with EXIF orientation {number}",
            "turned.jpg",
            image(RGB, exif=upright(number)),
            pixels=turned(turn),
            seen="upright",
        )
        for number, turn in TURNS.items()
    ),
    Kind(
        "volume: four axes, the last of length 1",
        "four.nii",
        volume(SCAN[..., np.newaxis]),
        settings=RAW,
        pixels=of_pixels(SCAN[np.newaxis]),
        seen="the one volume",
    ),
    Kind(
        "volume: constant, with `intensity: none`",
        "constant.nii",
        volume(SCAN * 0 + 5),
        settings=RAW,
        pixels=of_pixels(SCAN[np.newaxis] * 0 + 5),
        seen="as it is",
    ),
]


def make_good(settings, path):
    """A file with which nothing is wrong."""
    if settings.get("mode") != "3D":
        channels = settings.get("channels", 3)
        return image(RGB if channels == 3 else DEEP.astype(np.float32) / 65535)(path)
    return volume(np.stack([SCAN] * settings["channels"], 3) if settings.get("channels") == 2 else SCAN)(path)


def make_dataset(kind, replaced=False):
    """Write a manifest of three samples, of which the second is of the kind, unless it is `replaced` by a good one."""
    config = {
        "experiment": "kinds",
        "manifest": "data/manifest.csv",
        "input": kind.settings,
        "models": {"net": {"factory": "tests.helpers.bad_inputs:Network"}},
        "targets": ["predicted", "label"],
        "methods": ["gradcam"],
        "shard_size": 3,
        "on_error": "skip",
    }
    completed, _ = complete_config(config, check=False)
    shape = input_shape(completed, "net")
    completed["models"]["net"]["kwargs"] = {"channels": shape[0], "ndim": len(shape) - 1}
    columns = file_columns(completed, "net")
    Path("data").mkdir()
    suffix = ".nii" if kind.settings.get("mode") == "3D" else ".tif" if kind.settings.get("channels") == 1 else ".png"
    lines = [",".join(["id", *columns, "label"])]
    for sample in ("before", "kind", "after"):
        names = {column: f"{sample}_{column}{suffix}" for column in columns}
        for name in names.values():
            make_good(kind.settings, Path("data", name))
        label = "1"
        if sample == "kind" and not replaced:
            names[kind.column], label = kind.name, kind.label or label
            kind.make(Path("data", kind.name))
        lines.append(",".join([sample, *names.values(), label]))
    Path("data/manifest.csv").write_text("\n".join(lines) + "\n")
    return completed


def run(config):
    """Do what the workflow's jobs do; return the shard's job, and a function that judges under an ``on_error``."""
    descriptions = {name: Path(f"{name}.json") for name in ("model", "target_layer")}
    write_descriptions(config, "net", descriptions)
    job = stored_shard(config, "net", 0, "results.zarr", descriptions.values())
    fused(job)
    predictions = Path("results/predictions.csv")
    shards = [[job.files[name]] for name in ("status", "logits")]
    write_predictions(config, "net", *shards, descriptions["model"], predictions)

    def judge(**policy):
        write_errors(config | policy, {"net": predictions}, {"net": descriptions["model"]}, Path("errors.csv"))

    return job, judge


def table_row(kind):
    """Make what the documentation says about a refused kind, from ``errors.csv`` in the working directory."""
    errors = pd.read_csv("errors.csv")
    what, _, advice = errors["problem"][0].rpartition(": ")
    # The words of libraries and operating systems change.
    what = re.sub(r"^(cannot be \w+( as a volume)?) \(.*\)$", r"\1 (…)", what)
    return f"| {kind.title} | {what} | {advice} | {errors['status'][0]} |"


def document(rows):
    """Put the documentation together."""
    head = ["| kind | what is wrong | what to do | `status` |", "|---|---|---|---|"]
    used = [f"| {kind.title} | {kind.seen} |" for kind in USED]
    used_head = ["| kind | what the network sees |", "|---|---|"]
    return "\n".join([INTRODUCTION, *head, *rows, USED_INTRODUCTION, *used_head, *used]) + "\n"


INTRODUCTION = """\
# Bad inputs

A file that cannot be used costs no other sample its result. Its own arrays are NaN, its number in the store's `status`
says why, and `predictions.csv` and the log of the job that read it say so as well. When every sample of every model is
known, and with `execution: steps` before maps are computed, the rule `errors` decides what becomes of the run:

- `on_error: fail` (the default) ends it, with one line for every bad sample of the run. What was computed for good
  samples stays: after a file is replaced, the next run makes only its shard again. Files that are not there are named
  before any job starts.
- `on_error: skip` goes on and lists the bad samples in `errors.csv`: `model`, `id`, the files, `status`, and `problem`
  with the line's words. If more samples of a model fail than `max_failed` allows, the run ends as above.

The words are those of a last look at the file. If it can be read by then, `problem` says so, and what to do.

Cells of `predictions.csv` and `errors.csv` that a spreadsheet would take for a formula (text that begins with `=`, `+`,
`-`, `@` or a tab) begin with an apostrophe; numbers such as `-3.5` stay as they are. Join the tables with others by the
column `id`, which is never changed.

`python -m tests.helpers.bad_inputs > docs/bad-inputs.md` writes this page, from a run over a file of each kind. "(…)"
stands for the words of Pillow, nibabel or the operating system, such as "Permission denied".

## Manifests

Found before any job starts, all at once, with the line of the table; of one kind, ten are listed and the others counted.

| manifest | what becomes of it |
|---|---|
| separated by semicolons, tabs or bars | read |
| UTF-16 or UTF-32 with a byte order mark | read |
| spaces after separators | read |
| trailing commas, rows of commas only | read |
| `ID`, `Path`, `Label` | read, and said |
| workbook (`.xlsx`) | read with openpyxl, the first sheet |
| old workbook (`.xls`) | cannot be read as a table: it is a workbook of an old Excel: save it as .xlsx or CSV |
| Latin-1 | cannot be read as a table: line 2: byte 0xfc is no UTF-8: save the table as UTF-8 ('CSV UTF-8' in Excel), or convert it, for example with iconv -f WINDOWS-1252 -t UTF-8 |
| quotation mark that is never closed | cannot be read as a table: line 2: unexpected end of data; is a quotation mark not closed? |
| no column `path` | column 'path' is missing; the header has: id, file; rename 'file' to 'path'? |
| labels that are names | read; without `class_names`, the order is that of the alphabet, and said |
| labels `1.0` and `-1` | read as 1 and as no label |
| names and indices beside each other | line 3, column label: 'cat' is not a class index (0, 1, …) or empty; other rows have indices: use one of the two |
| `nan` as a label | line 2, column label: 'nan' is not a class index (0, 1, …) or empty: leave it empty, or name it in class_names if it is a class |
| no label at all, and `targets: [label]` | column label: is empty in all rows, but the config asks for labels: fill it in |
| column `entropy`, which is a measure | column 'entropy' is one that metrics.csv adds: rename it |
| id with spaces, slashes, or letters of any script | read |
| id that ends with a space | line 2, column id: 'a ' begins or ends with a space: remove it |
| `~`, `$NAME` and backslashes in paths | read |
| `$NAME` that is not set | line 2, column path: there is no file '$NO_SUCH_NAME/x.png': the environment variable NO_SUCH_NAME is not set |

## Refused
"""  # noqa: E501
USED_INTRODUCTION = """
If a map is not finite although the prediction is, which takes an unusual network, NaN is stored for the whole map, and
the log of its job has a line. `errors.csv` does not list it: it is written before.

A label that the model has no class for counts where `label` is one of the `targets`; other targets of the sample keep
their maps.

## Used

`tests/workflow/test_bad_inputs.py` compares what the network sees of these with the values that were written, or
for JPEG with the formula or turn in NumPy.
"""


def main():
    """Print the documentation."""
    logging.disable()
    rows = []
    for kind in REFUSED:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            _, judge = run(make_dataset(kind))
            judge(on_error="skip")
            rows.append(table_row(kind))
    print(document(rows), end="")


if __name__ == "__main__":
    main()
