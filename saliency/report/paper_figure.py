"""The panels of a finding as a vector graphic for a paper, with a caption and the command that makes it again."""

import io
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from saliency.audit.checks.registered import checks
from saliency.audit.findings.registered import finding_kind
from saliency.audit.pictures import Picture, read_pictures
from saliency.exceptions import DataError
from saliency.figures.plot import sample_panels
from saliency.figures.webp import read_webp
from saliency.files.atomic_files import write_atomically
from saliency.methods.registered import leading_method, methods
from saliency.store.maps import Maps, open_maps

ENDINGS = (".svg", ".pdf", ".eps")
# Width of a panel in inches: three of them are as wide as a page.
PANEL = 2.2


def write_paper_figure(findings: Path, number: int, output: Path) -> str:
    """Draw a finding: what its check did in pictures, or the samples that show it with the audited method's maps.

    Parameters
    ----------
    findings
        ``findings.json`` of a run, in its folder.
    number
        Of the finding, from 1 on, as ``findings.md`` numbers them.
    output
        File to write: SVG, PDF or EPS; the caption goes into a text file of the same name beside it.

    Returns
    -------
    str
        The caption.

    Raises
    ------
    DataError
        If there is no such finding or nothing to show of it, or the output is of another kind.
    """
    if output.suffix not in ENDINGS:
        raise DataError(f"{output}: is no vector graphic: give a name that ends in {', '.join(ENDINGS)}")
    finding = _finding(findings, number)
    model = findings.parents[2]
    names = _class_names(model / "predictions.csv")
    pictures = _pictures(findings, finding)
    if pictures:
        figure, panels = _figure_of_pictures(pictures, names)
    else:
        figure, panels = _figure_of_samples(findings, model, finding)
    content = io.BytesIO()
    # Texts stay texts, and the same input gives the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "saliency", "pdf.fonttype": 42}):
        figure.savefig(content, format=output.suffix[1:], metadata={"Date": None} if output.suffix == ".svg" else None)
    write_atomically(output, content.getvalue())
    command = shlex.join(
        ["python", "-m", "saliency", "figure", str(findings), "--finding", str(number), "--output", str(output)]
    )
    title = finding_kind(finding["kind"]).title
    caption = f"{title[0].upper()}{title[1:]}. {finding['sentence']} {panels}\n\nMade with: {command}\n"
    write_atomically(output.with_suffix(".txt"), caption.encode())
    return caption


def _class_names(predictions: Path) -> dict[int, str]:
    """Names of the classes that were predicted."""
    if not predictions.is_file():
        raise DataError(f"{predictions}: is missing: pass a findings.json where its run has put it")
    table = pd.read_csv(predictions, usecols=["predicted_class", "predicted_name"], dtype={"predicted_name": str})
    named = table.dropna().drop_duplicates("predicted_class")
    return dict(zip(named["predicted_class"].astype(int), named["predicted_name"], strict=True))


def _words(index: int, names: Mapping[int, str]) -> str:
    if index < 0:
        return "no class"
    return f"{names[index]} ({index})" if index in names else f"class {index}"


def _document(findings: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(findings.read_text(encoding="utf-8"))
        return {"findings": found["findings"], "tested": found.get("tested", {})}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{findings}: is no findings.json of a run: pass one of results/EXPERIMENT") from error


def _finding(findings: Path, number: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = _document(findings)["findings"]
    if not 1 <= number <= len(found):
        raise DataError(f"{findings}: has no finding {number}: choose from 1 to {len(found)}")
    return found[number - 1]


def _pictures(findings: Path, finding: Mapping[str, Any]) -> Sequence[Picture]:
    if "row" not in finding:
        return []
    name, row = finding["row"]
    check = checks()[name]
    path = (findings.parent if check.per_target else findings.parents[1]) / check.files().get("pictures", "")
    return read_pictures(path).get(row, []) if path.is_file() else []


def _figure_of_pictures(pictures: Sequence[Picture], names: Mapping[int, str]) -> tuple[Figure, str]:
    figure = Figure(figsize=(PANEL * len(pictures), PANEL + 0.5), layout="constrained")
    said = []
    cells = figure.subplots(1, len(pictures), squeeze=False)[0]
    for number, (picture, axes) in enumerate(zip(pictures, cells, strict=True)):
        letter = chr(ord("a") + number)
        axes.imshow(read_webp(picture.webp))
        axes.set(xticks=[], yticks=[])
        axes.set_title(letter, loc="left", fontsize=10, fontweight="bold")
        of = _words(picture.predicted, names)
        axes.set_xlabel(of, fontsize=9, parse_math=False)
        said.append(f"({letter}) {picture.words}, sample {picture.sample}: put into {of}")
    return figure, f"{'; '.join(said)}."


def _figure_of_samples(findings: Path, model: Path, finding: Mapping[str, Any]) -> tuple[Figure, str]:
    samples = finding["samples"]
    if not samples:
        raise DataError(f"{findings}: this finding names no samples: choose one with pictures or samples")
    try:
        maps = open_maps(model.with_name(f"{model.name}.zarr"))
    except FileNotFoundError as error:
        raise DataError(f"{findings}: {error}") from error
    audited = _audited(findings, maps)
    if audited is None or maps["inputs"].ndim != 4:
        raise DataError(f"{findings}: only pictures with maps can be drawn: export volumes as NIfTI instead")
    kind = methods()[audited]
    values = maps.array(audited, findings.parent.name, upsample=kind.grid == "features")
    figure = Figure(figsize=(PANEL * len(samples), 2 * PANEL + 0.4), layout="constrained")
    cells = figure.subplots(2, len(samples), squeeze=False)
    for number, sample in enumerate(samples):
        row = maps.row(sample)
        sample_panels(
            cells[:, number].tolist(),
            np.asarray(maps["inputs"][row]),
            {audited: np.asarray(values[row]) if kind.channels else np.asarray(values[row])[np.newaxis]},
            titles=False,
        )
        cells[0, number].set_title(chr(ord("a") + number), loc="left", fontsize=10, fontweight="bold")
        cells[1, number].set_xlabel(sample, fontsize=8, parse_math=False)
    listed = ", ".join(f"({chr(ord('a') + number)}) {sample}" for number, sample in enumerate(samples))
    return figure, f"Above the pictures, below them {kind.title}: {listed}."


def _audited(findings: Path, maps: Maps) -> str | None:
    stored = [name for name in methods() if f"{findings.parent.name}/{name}" in maps.group]
    # Audits of before the map could be chosen do not name it.
    named = _document(findings)["tested"].get("map")
    return named if named in stored else leading_method(stored)
