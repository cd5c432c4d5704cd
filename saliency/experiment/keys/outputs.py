"""Keys of what is made to be looked at: figures, the report, and exported volumes."""

from saliency.registry.fits import OPTIONAL_MAPPING, TEXT, choice, either, integer, list_of
from saliency.registry.key import Key

_SHEETS = ["first", "random", "misclassified", "least_confident"]

PLOT_KEYS = (
    Key(
        "samples",
        "Which samples get a figure of their own; a list has their ids.",
        "first",
        either(choice("first", "random", "all"), list_of(TEXT)),
        "first, random, all, or a list of sample ids",
    ),
    Key(
        "count",
        "How many (not for `all` and lists), and how many on a contact sheet.",
        12,
        integer(0),
        "a number of samples, at least 0",
    ),
    Key("seed", "For `random`.", 0, integer(0)),
    Key(
        "contact_sheets",
        "Which samples are drawn side by side; `misclassified` has the surest ones first.",
        _SHEETS,
        list_of(choice(*_SHEETS), unique=True),
        "a list of first, random, misclassified and least_confident",
    ),
)

REPORT_KEYS = (
    Key(
        "side",
        "Longest side of its pictures, in pixels or voxels. `auto` takes at most 224 (volumes 128), and less where "
        "many samples would make the report larger than about 120 MB. No sample is enlarged.",
        "auto",
        either({"const": "auto"}, integer(16, 512)),
        "auto, or the longest side of its pictures, a number of pixels or voxels from 16 to 512",
    ),
)

REPORT = Key(
    "report",
    "The page that shows the audit and its pictures; `null` leaves it out.",
    {},
    OPTIONAL_MAPPING,
    "the page that shows the audit and its pictures; a mapping with side, or null",
    REPORT_KEYS,
)

EXPORT = Key(
    "export",
    "For volumes: the samples whose maps are written as NIfTI. `plotted` means those with a figure; a list has ids.",
    "none",
    either(choice("none", "plotted", "all"), list_of(TEXT)),
    "for volumes, whose maps are written as NIfTI; none, plotted, all, or a list of sample ids",
)

PLOTS = Key("plots", "Figures of single samples, and contact sheets.", {}, keys=PLOT_KEYS)
