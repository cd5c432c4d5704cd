"""Keys of ``input``: from a file to what the network sees, for photographs (2D) and volumes (3D)."""

from collections.abc import Mapping
from typing import Any

from saliency.registry.fits import NULL, Schema, choice, either, integer, list_of, name, number
from saliency.registry.key import Key, section

_CHANNEL = "one per channel or one for all"
_NUMBERS = list_of(number(), 1)
_POSITIVE_NUMBERS = list_of(number(above=0), 1)
_THREE_SIZES = list_of(integer(1), 3, 3)
_TWO_SIZES = list_of(integer(1), 2, 2)

_MASK_VALUES = Key(
    "mask_values",
    "The labels in a `mask` file that belong to the mask; `null` for all but 0.",
    None,
    either(NULL, list_of(integer(), 1)),
    "a list of integers, or null",
)


_CALLABLE = name(r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*\Z")


def _transform(shape: str, when: str) -> Key:
    return Key(
        "transform",
        f"`package.module:callable` of your own, for what no key can say: it gets each decoded file as a float32 array "
        f"`{shape}` and returns one, {when}. Boxes and masks do not go through it. Its file counts, and those of your "
        "own modules that it imports: once edited, results are made again.",
        None,
        either(NULL, _CALLABLE),
        "package.module:callable, or null",
        added=True,
    )


def _normalisation(mean: list[float], std: list[float], before: str) -> tuple[Key, Key]:
    numbers, positive = f"a list of numbers, {_CHANNEL}", f"a list of positive numbers, {_CHANNEL}"
    return (
        Key("mean", f"{before}; one number per channel, or one for all.", mean, _NUMBERS, numbers),
        Key("std", "What is divided by after that; as `mean`.", std, _POSITIVE_NUMBERS, positive),
    )


MODE = Key(
    "mode",
    "`2D` reads photographs, `3D` volumes; the other keys depend on it.",
    "2D",
    choice("2D", "3D"),
)

DATASET = Key(
    "dataset",
    "`package.module:callable` that returns a torch `Dataset` of your own (or is one), for what no key can say. Sample "
    "N of the manifest, which then has no `path`, is its row N, from 0 on, or that in the column `index`. A row is a "
    "tensor with channels first, or a tuple that begins with one; labels and masks are the manifest's. Tensors are "
    "taken as they are: unless the config says otherwise, `resize` is `null`, `mean` 0, `std` 1 and `intensity` "
    "`none`; `crop` must be set. Let it return them before normalisation, and set `mean` and `std`, so that figures "
    "show pictures. Its file counts, and those of your own modules that it imports: once edited, results are made "
    "again. What it reads does not count.",
    None,
    either(NULL, _CALLABLE),
    "package.module:callable, or null",
    added=True,
)

PRESET = Key(
    "preset",
    "The preprocessing that torchvision or timm publish beside weights: `torchvision:ResNet50_Weights.IMAGENET1K_V2`, "
    "`timm:vit_base_patch16_224.augreg_in21k`; `auto` takes that of "
    "the weights which `factory` and `kwargs` name, and where a checkpoint does not say, lists those to choose from. "
    "It fills in `channels`, `resize`, `crop`, `interpolation`, `mean`, `std`, `fit` and `order`; those that stand "
    "beside it win. Results depend on these numbers, not on the name: "
    "the file `presets.json` among the results has them, read once for each version of the package. What a preset does "
    "that no key says is refused.",
    None,
    either(NULL, name(r"^(auto|[a-z]+:\S+)\Z")),
    "torchvision:WEIGHTS, timm:MODEL, auto, or null",
    added=True,
)

IMAGE_KEYS = (
    DATASET,
    PRESET,
    Key(
        "channels",
        "`3` for RGB, `1` for greyscale; another number takes the channels of a file as they are, which must be as "
        "many.",
        3,
        integer(1),
    ),
    Key(
        "resize",
        "Length of the shorter side, or `[height, width]`; `null` leaves the size as it is.",
        256,
        either(NULL, integer(1), _TWO_SIZES),
        "length of the shorter side, [height, width], or null",
    ),
    Key(
        "crop",
        "Side of the central square, or `[height, width]`; with `null`, `resize` must be `[height, width]`.",
        224,
        either(NULL, integer(1), _TWO_SIZES),
        "side of the central square, [height, width], or null",
    ),
    Key(
        "interpolation",
        "How `resize` computes pixels between pixels.",
        "bilinear",
        choice("nearest", "bilinear", "bicubic", "lanczos"),
    ),
    _MASK_VALUES,
    Key(
        "value_range",
        "Numbers of a file that become 0 and 1, such as `[0, 4095]` for 12 bits in files of 16; `null` takes those of "
        "the file's type: 255, 65535, or the window that a DICOM file names. Files with numbers beyond are refused.",
        None,
        either(NULL, list_of(number(), 2, 2)),
        "two numbers, the smaller first, or null",
        added=True,
    ),
    Key(
        "window",
        "As `value_range`, but numbers beyond become 0 and 1: `[-160, 240]` are the Hounsfield units of soft tissue.",
        None,
        either(NULL, list_of(number(), 2, 2)),
        "two numbers, the smaller first, or null",
        added=True,
    ),
    _transform("(c, h, w)", "in 0 … 1 where the file's values are scaled; it is resized and cropped afterwards"),
    Key(
        "fit",
        "`crop` resizes and crops; `letterbox` scales all of a picture into `crop` (without one, into "
        "`resize: [height, width]`) and pads what is left, so that `resize` does not count beside `crop`.",
        "crop",
        choice("crop", "letterbox"),
        added=True,
    ),
    Key("pad_value", "What `fit: letterbox` pads with, 0 for black and 1 for white.", 0, number(), added=True),
    Key(
        "order",
        "Of the channels: `rgb`, or `bgr` for networks that were trained on images of OpenCV. `mean` and `std` are in "
        "this order, and figures show the channels as the network sees them.",
        "rgb",
        choice("rgb", "bgr"),
        added=True,
    ),
    *_normalisation(
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
        "What is subtracted once values are scaled to 0 … 1 (the defaults are ImageNet's)",
    ),
)

VOLUME_KEYS = (
    DATASET,
    Key(
        "channels",
        "Number of channels in the file of the column `path` (more than one: a 4D file), or a list of names such as "
        "`[t1, flair]`, whose files are in the columns `path_t1` and `path_flair` and lie on one grid.",
        1,
        either(integer(1), list_of(name(r"^[A-Za-z0-9_]+\Z"), 1, unique=True)),
        "the number of channels in the file of column path, or a list of names NAME with columns path_NAME",
    ),
    Key(
        "voxel_size",
        "Millimetres to resample to, one number or three (right, front, up); `null` keeps each file's.",
        None,
        either(NULL, number(above=0), list_of(number(above=0), 3, 3)),
        "millimetres, one number or three (right, front, up), or null",
    ),
    Key(
        "resize",
        "Voxels to resample all of a volume to, one number or three (right, front, up), whatever their size becomes: "
        "edges stay on edges, as with torch's `interpolate`. In place of `voxel_size`; `null` leaves it out.",
        None,
        either(NULL, integer(1), _THREE_SIZES),
        "a number of voxels, three (right, front, up), or null",
        added=True,
    ),
    Key(
        "crop",
        "Voxels that the network sees, one number or three (right, front, up); larger volumes are cropped around the "
        "centre, smaller ones padded with 0. With `null`, it sees what `resize` makes; one of both must be set.",
        None,
        either(NULL, integer(1), _THREE_SIZES),
        "a number of voxels, three (right, front, up), or null",
    ),
    Key(
        "orientation",
        "Where the axes run in which the network was trained, a letter each: to the `R`ight or `L`eft, `A`nterior or "
        "`P`osterior, `S`uperior or `I`nferior. `SAR` is what is called zyx, `SPL` what SimpleITK's arrays of most "
        "files are. The other keys, what is stored, exports and figures stay in RAS order, right, front, up: only what "
        "the network gets is turned, and what it gives is turned back.",
        "RAS",
        name(r"^(?=.*[RL])(?=.*[AP])(?=.*[SI])[RLAPSI]{3}\Z"),
        "three letters, one of R and L, one of A and P, one of S and I",
        added=True,
    ),
    Key("interpolation", "How resampling computes values.", "linear", choice("nearest", "linear", "cubic")),
    Key(
        "intensity",
        "How values are scaled, per volume and channel: `zscore`, `minmax` (to 0 … 1), `percentile` (clipped, then to "
        "0 … 1), `window` (clipped to the key `window`, then to 0 … 1: as for CT), or `none`.",
        "zscore",
        choice("zscore", "percentile", "minmax", "window", "none"),
    ),
    Key(
        "window",
        "The numbers of a file that `intensity: window` makes 0 and 1; those beyond become 0 and 1 as well: "
        "`[-160, 240]` are the Hounsfield units of soft tissue. No statistics are taken, so that `intensity_over: "
        "nonzero` leaves out nothing.",
        None,
        either(NULL, list_of(number(), 2, 2)),
        "two numbers, the smaller first, or null",
        added=True,
    ),
    Key(
        "intensity_over",
        "Which voxels give the statistics of `intensity`: `nonzero`, `all`, or `mask` (a volume in the column `mask`). "
        "With `nonzero` and `mask`, the others become 0.",
        "nonzero",
        choice("nonzero", "all", "mask"),
    ),
    _MASK_VALUES,
    Key(
        "percentiles",
        "Between which percentiles `intensity: percentile` clips, the smaller first.",
        [0.5, 99.5],
        list_of(number(0, 100), 2, 2),
        "two numbers from 0 to 100, the smaller first",
    ),
    _transform("(c, i, j, k)", "of the same voxels; orientation, resampling and `intensity` come afterwards"),
    *_normalisation([0], [1], "What is subtracted after `intensity`"),
)

INPUT_KEYS = {"2D": IMAGE_KEYS, "3D": VOLUME_KEYS}


def told_input(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What digests are told of an ``input``: keys that came later only where they are set, of a preset its numbers."""
    keys = {key.name: key for key in INPUT_KEYS[settings["mode"]]}
    return {
        name: value
        for name, value in settings.items()
        if name != PRESET.name and not (name in keys and keys[name].added and value == keys[name].default)
    }


def input_schema(mode: str) -> dict[str, Any]:
    """JSON schema of an ``input`` with its mode, which is not checked here."""
    found = section(INPUT_KEYS[mode])
    # What is no mapping is reported once, where the mode is checked.
    del found["type"]
    return {**found, "properties": {"mode": {}, **found["properties"]}}


def _schema_by_mode() -> Schema:
    return {
        "type": "object",
        "properties": {MODE.name: MODE.json_schema},
        # Editors fill in no defaults: without a mode, it is not 3D.
        "if": {"properties": {MODE.name: {"const": "3D"}}, "required": [MODE.name]},
        "then": input_schema("3D"),
        "else": input_schema("2D"),
    }


INPUT = Key("input", "How a file becomes what the network sees.", {}, _schema_by_mode())
