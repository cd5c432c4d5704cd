"""The files in a folder that can be samples, and what their places say of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["pictures", "volumes", "DICOM"]

PICTURES = (
    ".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".heic",
)  # fmt: skip
VOLUMES = (".nii", ".nii.gz", ".mgz", ".mgh", ".nrrd", ".mha", ".mhd")
DICOM = (".dcm", ".dicom", ".ima")
# As people call the parts of a dataset, and as they are called in the manifest.
SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
# Folders of masks, whose files are named as the pictures or volumes that they belong to.
_MASKS = re.compile(r"(labels?|masks?|seg|segs|segmentations?|annotations?|annots)(ts|tr)?", re.IGNORECASE)
# Of the Brain Imaging Data Structure: sub-01_ses-2_run-1_T1w.nii.gz.
_BIDS = re.compile(
    r"sub-(?P<subject>[A-Za-z0-9]+)(_ses-(?P<session>[A-Za-z0-9]+))?(_[A-Za-z0-9]+-[^_]+)*_(?P<suffix>\w+)"
)


@dataclass(frozen=True)
class Sample:
    """A file or a folder that is one sample.

    Attributes
    ----------
    path
        Relative to the dataset's folder.
    split, label
        As its folders say; "" where they say nothing.
    mask
        File of its mask, relative to the dataset's folder; "" without one.
    columns
        What else its name says, by column.
    """

    path: Path
    split: str = ""
    label: str = ""
    mask: str = ""
    columns: tuple[tuple[str, str], ...] = ()


def found_files(folder: Path) -> dict[Kind, list[Path]]:
    """Files of each kind, relative to a folder and sorted.

    For several DICOM files in one folder, that folder stands, unless pydicom is there and finds different series.

    Parameters
    ----------
    folder
        Hidden files and folders in it do not count.
    """
    found: dict[Kind, list[Path]] = {"pictures": [], "volumes": [], "DICOM": []}
    for path in _walk(folder):
        name, relative = path.name.lower(), path.relative_to(folder)
        if name.endswith(VOLUMES):
            found["volumes"].append(relative)
        elif name.endswith(PICTURES):
            found["pictures"].append(relative)
        elif name.endswith(DICOM) or ("." not in name and _is_dicom(path)):
            found["DICOM"].append(relative)
    of_folder: dict[Path, list[Path]] = {}
    for path in found["DICOM"]:
        of_folder.setdefault(path.parent, []).append(path)
    series = {parent for parent, files in of_folder.items() if _are_series(folder, parent, files)}
    found["DICOM"] = sorted({path.parent if path.parent in series else path for path in found["DICOM"]})
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _are_series(folder: Path, parent: Path, files: Sequence[Path]) -> bool:
    """Whether DICOM files of one folder are the slices of one volume."""
    # The folder of a dataset with a single sample would be none.
    if len(files) < 2 or parent == Path():
        return False
    try:
        import pydicom
    except ImportError:
        return True
    try:
        first, second = (pydicom.dcmread(folder / path, stop_before_pixels=True) for path in files[:2])
        return bool(first.SeriesInstanceUID == second.SeriesInstanceUID)
    # What cannot be read is named, with its reason, when the workflow reads it.
    except Exception:
        return True


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def samples_of(paths: Sequence[Path]) -> tuple[list[Sample], list[str]]:
    """Read off the places of files what samples they are.

    Folders named as in `SPLITS` give the split, and the folders inside them, or at the top, the class; names of the
    Brain Imaging Data Structure give subject and session.

    Returns
    -------
    samples
        In the order of `paths`, without masks.
    said
        What was taken for what, one line each.

    Examples
    --------
    >>> paths = [Path("train/cat/1.jpg"), Path("train/dog/2.jpg"), Path("test/cat/3.jpg"), Path("test/dog/4.jpg")]
    >>> samples, said = samples_of(paths)
    >>> [(sample.split, sample.label) for sample in samples]
    [('train', 'cat'), ('train', 'dog'), ('test', 'cat'), ('test', 'dog')]
    """
    said: list[str] = []
    paths, masks = _without_masks(paths, said)
    below = _below_common(paths)
    splits = _all_splits(below)
    rest = [Path(*path.parts[1:]) if splits else path for path in below]
    if splits:
        said.append(f"column split: the folders {', '.join(dict.fromkeys(path.parts[0] for path in below))}")
    named = [_BIDS.match(path.name) for path in rest]
    if all(named):
        said.append("columns subject, session and suffix: the names of the files (BIDS)")
    classes = not all(named) and _has_classes(rest, said)
    samples = []
    for path, of_split, inside, bids in zip(paths, below, rest, named, strict=True):
        columns: tuple[tuple[str, str], ...] = ()
        if bids and all(named):
            columns = tuple((key, value or "") for key, value in bids.groupdict().items())
        elif not classes and len(inside.parts) > 1 and len({path.parent for path in rest}) > 1:
            columns = (("folder", inside.parent.as_posix()),)
        split = SPLITS[of_split.parts[0].lower()] if splits else ""
        label = inside.parts[0] if classes else ""
        samples.append(Sample(path, split, label, masks.get(path, ""), columns))
    return samples, said


def _without_masks(paths: Sequence[Path], said: list[str]) -> tuple[list[Path], dict[Path, str]]:
    folders = {part for path in paths for part in path.parts[:-1]}
    of_masks = {name for name in folders if _MASKS.fullmatch(name)}
    images = [path for path in paths if not of_masks.intersection(path.parts[:-1])]
    # Two classes can be called "labels" and "masks"; a mask has the name of what it belongs to.
    belonging = {path.name: path.as_posix() for path in paths if of_masks.intersection(path.parts[:-1])}
    masks = {path: belonging[path.name] for path in images if path.name in belonging}
    if not masks:
        return list(paths), {}
    said.append(f"column mask: the files of equal names in {', '.join(sorted(of_masks))}")
    return images, masks


def _below_common(paths: Sequence[Path]) -> list[Path]:
    """Paths without the folders that all of them share, which say nothing; but for one that is a split."""
    shared: list[str] = []
    for parts in zip(*(path.parts[:-1] for path in paths), strict=False):
        if len(set(parts)) > 1 or parts[0].lower() in SPLITS:
            break
        shared.append(parts[0])
    return [path.relative_to(Path(*shared)) for path in paths]


def _all_splits(paths: Sequence[Path]) -> bool:
    tops = {path.parts[0].lower() for path in paths if len(path.parts) > 1}
    return bool(tops) and all(len(path.parts) > 1 for path in paths) and tops <= SPLITS.keys()


def _has_classes(paths: Sequence[Path], said: list[str]) -> bool:
    """Whether the folders at the top are classes; where they are something else, that is said."""
    if any(len(path.parts) < 2 for path in paths):
        return False
    tops: dict[str, set[str]] = {}
    for path in paths:
        tops.setdefault(path.parts[0], set()).add("/".join(path.parts[1:]))
    if len(tops) < 2:
        return False
    names = list(tops.values())
    # Pictures of classes are often numbered alike.
    alike = all(other == names[0] for other in names) and not paths[0].name.lower().endswith(PICTURES)
    if len(paths) < 2 * len(tops) or alike:
        said.append(
            "column folder: the folders, which are taken as subjects, not as classes, since they hold single files, or "
            "files of the same names"
        )
        return False
    said.append(f"column label: the {len(tops)} folders {_listed(sorted(tops))}")
    return True


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])}, … {names[-1]}"
