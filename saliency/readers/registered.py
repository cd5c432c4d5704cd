"""The readers that there are, and which of them opens a file."""

from functools import cache
from pathlib import Path
from typing import Literal, overload

from saliency.files.members import INSIDE, NUMBER, split_member
from saliency.files.paths import is_file, is_folder
from saliency.files.remote import is_remote
from saliency.readers.reader import ImageReader, Mode, Reader, VolumeReader
from saliency.registry.discovery import discover_classes

# What a reader without suffixes claims.
OTHER_FILES, OTHER_FOLDERS = "all other files", "all other folders"


@cache
def readers() -> dict[str, Reader]:
    """All readers by name.

    Examples
    --------
    >>> {"nibabel", "pillow"} <= set(readers())
    True
    """
    return {reader.name: reader() for reader in discover_classes("saliency.readers.formats", Reader)}


@overload
def reader_of(path: Path, mode: Literal["2D"]) -> ImageReader: ...
@overload
def reader_of(path: Path, mode: Literal["3D"]) -> VolumeReader: ...
def reader_of(path: Path, mode: Mode) -> Reader:
    """Which reader opens a file: the one that claims the longest ending of its name, else the mode's default.

    Of a name that says nothing, the file is asked for the mark of a format.

    Parameters
    ----------
    path
        The file or folder. It need not exist.
    mode
        The config's ``input.mode``.

    Raises
    ------
    ValueError
        If two readers claim the same files, or no reader of the mode opens all other files.

    Examples
    --------
    >>> reader_of(Path("scan.nii.gz"), "3D").name, reader_of(Path("photograph.JPG"), "2D").name
    ('nibabel', 'pillow')
    """
    claims = _claims(mode)
    if INSIDE in (text := str(path)) or NUMBER in text:
        file, member = split_member(path)
        reader = (_claimant(claims, file.name) or _marked(mode, file)) if member else None
        if reader and reader.members:
            return reader
    if reader := _claimant(claims, path.name) or _marked(mode, path):
        return reader
    return claims[OTHER_FOLDERS if OTHER_FOLDERS in claims and is_folder(path) else OTHER_FILES]


def _claimant(claims: dict[str, Reader], name: str) -> Reader | None:
    """The reader that claims the longest ending of a name."""
    rest = name.lower()
    while rest:
        _, dot, rest = rest.partition(".")
        if dot + rest in claims:
            return claims[dot + rest]
    return None


def _marked(mode: Mode, path: Path) -> Reader | None:
    """The reader whose mark a file bears that has a name without an ending, or with one of digits as in a UID."""
    ending = path.suffix[1:]
    if (ending and not ending.isdecimal()) or is_remote(path) or not is_file(path):
        return None
    for reader in dict.fromkeys(_claims(mode).values()):
        if reader.mark and _bears(path, *reader.mark):
            return reader
    return None


def _bears(path: Path, at: int, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(len(mark)) == mark
    except OSError:
        return False


@cache
def _claims(mode: Mode) -> dict[str, Reader]:
    """Readers of a mode by suffix, and the defaults by what they claim."""
    claims: dict[str, Reader] = {}
    for reader in readers().values():
        if reader.mode != mode:
            continue
        for suffix in reader.suffixes:
            if not suffix.startswith(".") or suffix != suffix.lower():
                raise ValueError(f"reader '{reader.name}': write suffix '{suffix}' in lower case and with a dot first")
        for claim in reader.suffixes or (OTHER_FOLDERS if reader.folders else OTHER_FILES,):
            if claim in claims:
                raise ValueError(
                    f"readers '{claims[claim].name}' and '{reader.name}' both claim {claim} in mode {mode}: change the "
                    "suffixes of one of them"
                )
            claims[claim] = reader
    if OTHER_FILES not in claims:
        raise ValueError(f"no reader claims {OTHER_FILES} in mode {mode}: one must have no suffixes")
    return claims
