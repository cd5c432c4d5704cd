"""Settings of an audit: which samples count, and from which numbers on something counts."""

from saliency.registry.fits import (
    MAPPING,
    NULL,
    TEXT,
    either,
    integer,
    list_of,
    number,
)
from saliency.registry.key import Key

SELECTION_KEYS = (
    Key(
        "map",
        "The method whose maps are measured, clustered and compared: one of the run's, or `null` for the first of its "
        "maps on the target layer, such as Grad-CAM.",
        None,
        either(NULL, TEXT),
        "a method's name, or null",
    ),
    Key(
        "where",
        "Which samples count for findings and groups: by column of the manifest a value or a list of values, such as "
        "`{split: test}`.",
        {},
        {
            **MAPPING,
            "additionalProperties": {"hint": "a value or a list of values", **either(TEXT, list_of(TEXT, 1))},
        },
        "a mapping from columns of the manifest to a value or a list of values",
    ),
    Key(
        "columns",
        "Columns of the manifest by which samples are grouped; `null` takes all that the config does not use "
        "otherwise.",
        None,
        either(NULL, list_of(TEXT, unique=True)),
        "a list of the manifest's columns, or null",
    ),
)

STATISTICS_KEYS = (
    Key("grid", "Cells along each axis of the grid on which maps are compared.", 8, integer(4, 32)),
    Key("min_count", "Size of the smallest group that is tested.", 10, integer(2)),
    Key("resamples", "Samples of the bootstrap, which gives intervals.", 1000, integer(100)),
    Key("permutations", "Permutations in the tests of mean maps.", 999, integer(99)),
    Key("seed", "Seed of everything that the audit draws at random.", 0, integer(0)),
)

SHORTCUT_KEYS = (
    Key("side", "Cells of the grid along each side of the window that is moved over it.", 2, integer(1)),
    Key(
        "density",
        "A sample looks at a window if its energy there is this many times what an even map has there.",
        2.5,
        number(above=1),
    ),
    Key("min_share", "Share of a class's samples that have to look there.", 0.2, number(above=0, maximum=1)),
    Key("min_count", "Number of samples of a class that have to look there.", 10, integer(2)),
    Key(
        "min_contrast",
        "How well what the inputs show there has to tell the class from others.",
        0.75,
        number(0, 1),
    ),
    Key(
        "cap",
        "Largest number of samples of the class, and of all others, whose content is compared; drawn at random.",
        2000,
        integer(10),
    ),
)

CLUSTER_KEYS = (
    Key("neighbours", "Neighbours of each map in the graph.", 10, integer(1)),
    Key("max_clusters", "Largest number of clusters.", 8, integer(1)),
    Key("min_count", "Fewer maps are not clustered.", 20, integer(4)),
    Key(
        "cap",
        "Number of maps, drawn at random, that the clusters are found with; further maps join the nearest cluster.",
        1000,
        integer(10),
    ),
    Key("exemplars", "Samples that stand for a cluster.", 3, integer(1)),
)
