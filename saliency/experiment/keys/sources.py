"""Keys of files that rules make before anything is explained: patches of volumes, the pictures of demos."""

from saliency.registry.fits import OPTIONAL_MAPPING, TEXT, integer, list_of, number
from saliency.registry.key import Key

_FOLDER = {"type": "string", "minLength": 1}

PATCH_KEYS = (
    Key("volumes", "Folder with the volumes.", schema=_FOLDER),
    Key("masks", "Folder with their masks, in files of equal names.", schema=_FOLDER),
    Key("size", "Voxels per side.", schema=integer(1)),
    Key("seed", "Decides between the cubes that qualify.", 0, integer(0)),
)

DIGIT_KEYS = (
    Key("row", "Row of the watermark's upper left pixel.", 27, integer(0, 28)),
    Key("column", "Column of the watermark's upper left pixel.", 1, integer(0, 28)),
    Key("opacity", "Opacity of the watermark; `1` hides what is below it.", 1, number(above=0, maximum=1)),
)

TEXTURE_KEYS = (Key("logo", "Side of the logo in pixels.", 26, integer(4, 98)),)

MADE_BY_RULES = Key(
    "made_by_rules",
    "Files that the config and the manifest name, or folders of such files, which rules of your own make where your "
    "workflow uses this one as a module ([more](../docs/module.md)). They are inputs of the jobs that read them: they "
    "need not exist at the start, and are waited for.",
    [],
    list_of(TEXT, unique=True),
    "a list of files and folders that other rules make, such as [data/slices/, checkpoints/net.pt]",
)

PATCHES = Key(
    "patches",
    "How cubes are cut out of larger volumes.",
    None,
    OPTIONAL_MAPPING,
    "for volumes that are cut out of larger ones; a mapping with volumes, masks and size, or null",
    PATCH_KEYS,
)

DIGITS = Key(
    "digits",
    "For the demo `shortcut.yaml`: where its pictures bear a watermark.",
    None,
    OPTIONAL_MAPPING,
    "for the shortcut demo, where its pictures bear a watermark; a mapping, or null",
    DIGIT_KEYS,
)

TEXTURES = Key(
    "textures",
    "For the demo `shortcut_photographs.yaml`: how large the logo in its pictures is.",
    None,
    OPTIONAL_MAPPING,
    "for the shortcut demo in photographs, how large the logo in its pictures is; a mapping, or null",
    TEXTURE_KEYS,
)
