"""Columns of a manifest: those that are known by name, however people write it, and those that tables add."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from saliency.experiment.config import Config
from saliency.methods.registered import leading_method, methods, with_parts
from saliency.metrics.table import measure_columns

# Known by name, each with what people call it. Where a name is that of several, the first counts.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "path": (
        "file", "filename", "filepath", "image", "imagefile", "imagefilename", "imagename", "imagepath", "img",
        "imgpath", "scan", "files", "filenames", "paths", "images",
    ),
    "label": (
        "class", "classes", "classid", "classname", "classlabel", "category", "diagnosis", "groundtruth", "labels",
        "target", "targets", "truth", "y",
    ),
    "id": ("sample", "sampleid", "imageid", "case", "caseid", "uid", "name", "subject", "subjectid", "participantid",
           "patient", "patientid"),
    "mask": ("maskfile", "maskpath", "segmentation", "seg"),
    "boxes": ("box", "bbox", "bboxes", "boundingbox"),
}  # fmt: skip
# Columns of ``predictions.csv``, and further ones by what labels are.
OUTPUT_COLUMNS = ("predicted_class", "predicted_name", "probability", "correct", "status")
FURTHER_COLUMNS = {"classes": ("predicted_classes", "probabilities"), "numbers": ("value", "error")}
# Of ``metrics.csv``, beside those and the measures.
MEASURED_COLUMNS = ("target", "class", "name")
CHANNEL = "path_"
# Without these there is no run, or no label; another column in capitals can be one that the config does not mean.
READ_IN_CAPITALS = ("id", "path", "label")


def column_names(names: Sequence[str]) -> list[str]:
    """Write the names of `READ_IN_CAPITALS`, and of channels, in small letters and without spaces around them.

    A name stays as it is where another column has the known name already.

    Examples
    --------
    >>> column_names(["ID", " Path", "Label", "Mask", "PATH_T1"])
    ['id', 'path', 'label', 'Mask', 'path_T1']
    >>> column_names(["id", "path", "label", "Label"])
    ['id', 'path', 'label', 'Label']
    """
    known = [_known(name) for name in names]
    return [
        new if name == new or (new not in names and known.count(new) == 1) else name
        for name, new in zip(names, known, strict=True)
    ]


def _known(name: str) -> str:
    small = name.strip().lower()
    if small.startswith(CHANNEL):
        return CHANNEL + name.strip()[len(CHANNEL) :]
    return small if small in READ_IN_CAPITALS else name


def meant(column: str, names: Iterable[str]) -> str | None:
    """The column that is probably meant by a known one that is not there.

    Examples
    --------
    >>> meant("path", ["id", "File_Name"]), meant("label", ["id", "lable"]), meant("label", ["id", "site"])
    ('File_Name', 'lable', None)
    """
    plain = {"".join(filter(str.isalnum, name.lower())): name for name in names if name not in KNOWN}
    called = next((other for other in KNOWN.get(column, ()) if other in plain), None)
    near = difflib.get_close_matches(column, plain, n=1, cutoff=0.8)
    found = called or (near[0] if near else None)
    return plain[found] if found else None


def missing_column(column: str, names: Sequence[str]) -> str:
    """Say that a column is missing, what there is, and which of these is probably meant.

    Examples
    --------
    >>> missing_column("path", ["id", "file"])
    "column 'path' is missing; the header has: id, file; rename 'file' to 'path'?"
    """
    near = meant(column, names)
    question = f"; rename '{near}' to '{column}'?" if near else ""
    return f"column '{column}' is missing; the header has: {', '.join(map(str, names))}{question}"


def colliding_columns(names: Iterable[str], labels: str, measured: Iterable[str] | None) -> list[str]:
    """Say which columns have the name of one that a table of the results adds.

    Parameters
    ----------
    names
        Columns of the manifest.
    labels
        What labels are, a key of `saliency.experiment.outputs.PATTERNS`.
    measured
        Names of the measures; None where nothing is measured.

    Examples
    --------
    >>> colliding_columns(["id", "label", "entropy"], "class", ["entropy"])
    ["column 'entropy' is one that metrics.csv adds: rename it"]
    """
    predicted = {*OUTPUT_COLUMNS, *FURTHER_COLUMNS.get(labels, ())}
    tables = {
        **({} if measured is None else dict.fromkeys([*MEASURED_COLUMNS, *measured], "metrics.csv")),
        **dict.fromkeys(predicted, "predictions.csv"),
    }
    names = list(names)
    label = None if "label" in names else meant("label", names)
    return [
        f"column '{name}' is one that {tables[name]} adds: rename it"
        + (" to 'label' if it has the samples' classes, else to another name" if name == label else "")
        for name in names
        if name in tables
    ]


def measured_columns(config: Config) -> list[str] | None:
    """Names of the measures of a config's maps; None where there is no audit."""
    audit: Any = config.get("audit")
    if audit is None or "methods" not in config or "input" not in config:
        return None
    names = with_parts([name for name in config["methods"] if name in methods()])
    chosen = audit.get("map") if audit.get("map") in names else None
    if not chosen and not leading_method(names):
        return None
    return measure_columns(int(config["input"]["mode"][0]), names, chosen)
