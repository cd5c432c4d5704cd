"""What the report's first page says: numbers of each model, findings, samples without a result."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from saliency.audit.checks.registered import checks
from saliency.audit.findings.registered import finding_kind
from saliency.audit.findings.words import counted
from saliency.audit.pictures import Picture
from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows
from saliency.figures.webp import EXACT_SIDE
from saliency.report.links import model_settings, page_link, where_settings

# Rows of the list of failed samples; further ones are counted.
MOST_FAILURES = 200


def model_summary(plan: Plan, model: str, predictions: pd.DataFrame) -> dict[str, Any]:
    """Numbers of one model.

    Parameters
    ----------
    plan, model
        The experiment, and which of its models.
    predictions
        ``predictions.csv``.

    Returns
    -------
    dict
        ``name``, ``samples``, ``failed``, ``labelled``, ``correct``, ``classes`` (that were predicted),
        ``probability`` (mean, None without any), and ``audited``: the number, ``labelled`` and ``correct`` of the
        samples that the audit is about, None if it is about all; ``labelled`` and ``correct`` of the ``others``.
    """
    known = predictions["correct"].notna()
    chosen = audited_rows(plan.samples, plan.config["audit"]["where"])
    probability = predictions["probability"].mean()
    return {
        "name": model,
        "samples": len(predictions),
        "failed": int((predictions["status"] != "ok").sum()),
        "labelled": int(known.sum()),
        "correct": int(predictions["correct"][known].sum()),
        "classes": int(predictions["predicted_class"].nunique()),
        "probability": None if pd.isna(probability) else float(probability),
        "audited": None
        if chosen.all()
        else {
            "samples": int(chosen.sum()),
            "labelled": int((known & chosen).sum()),
            "correct": int(predictions["correct"][known & chosen].sum()),
        },
        "others": {
            "labelled": int((known & ~chosen).sum()),
            "correct": int(predictions["correct"][known & ~chosen].sum()),
        },
    }


def target_findings(
    plan: Plan,
    model: str,
    target: str,
    document: Mapping[str, Any],
    pictures: Mapping[str, Mapping[int, Sequence[Picture]]] | None = None,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Findings of one target, each with links to what shows it, and pictures of what was done.

    Parameters
    ----------
    plan, model, target
        Of whom they are.
    document
        ``findings.json`` (`saliency.audit.document.SCHEMA`).
    pictures
        By check and row of its table (`saliency.audit.pictures`).
    names
        Of the model's classes.

    Returns
    -------
    dict
        ``model``, ``target``, ``left_out``, ``looked`` (sentences on what was looked at), and ``findings``: their
        ``number``, whether they are a ``consequence``, ``title``, ``sentence``, ``samples``, ``pictures`` (link to the
        gallery), ``class_page`` (link, or None), ``exemplars`` (ids and links), and ``shown``, what a check has drawn.
    """
    base = model_settings(plan, model)
    base |= {} if target == plan.targets[0] else {"target": target}
    audited = where_settings(plan)
    findings = []
    for number, finding in enumerate(document["findings"]):
        numbers = finding["numbers"]
        name = None if numbers.get("class") is None else str(numbers["class"])
        filters, kind = _filters(plan, numbers), finding_kind(finding["kind"])
        settings: dict[str, str | Sequence[str]] = {**base, "finding": str(number)}
        if not filters and finding["samples"]:
            # Nothing but their ids says which samples it is about; some may lie among those that are not audited.
            filters = {"col.id": finding["samples"]}
        elif numbers.get("among") != "all":
            settings |= audited
        check, row = finding.get("row", ("", 0))
        findings.append(
            {
                "number": number,
                "consequence": kind.consequence,
                "title": kind.title,
                "score": finding["score"],
                "sentence": finding["sentence"],
                "samples": finding["samples"],
                "pictures": page_link("gallery", None, settings | filters),
                "class_page": None if name is None else page_link("class", name, base | {"finding": str(number)}),
                "exemplars": [
                    (sample, page_link("sample", sample, settings | filters)) for sample in finding["samples"]
                ],
                "shown": [
                    _shown(picture, names, base | {"finding": str(number)})
                    for picture in (pictures or {}).get(check, {}).get(row, [])
                ],
            }
        )
    return {
        "model": model,
        "target": target,
        "findings": findings,
        "left_out": document["left_out"],
        "looked": looked_at(document["tested"]),
    }


def _shown(picture: Picture, names: Sequence[str], settings: Mapping[str, str]) -> dict[str, Any]:
    """A picture with its caption, and a link to the sample that it shows."""
    known = 0 <= picture.predicted < len(names)
    name = (names[picture.predicted] if known else "") or str(picture.predicted)
    of = "no class" if picture.predicted < 0 else f"class '{name}'"
    height, width = picture.size
    return {
        "caption": f"{picture.words}: put into {of}",
        "link": page_link("sample", picture.sample, settings),
        "source": f"data:image/webp;base64,{picture.webp}",
        "height": height,
        "width": width,
        "exact": max(picture.size) <= EXACT_SIDE,
    }


def looked_at(tested: Mapping[str, Any]) -> list[str]:
    """Say in sentences what was looked at.

    Parameters
    ----------
    tested
        Of ``findings.json``.

    Examples
    --------
    >>> print(*looked_at({"maps": 600, "classes": 3, "columns": 2, "tests_of_groups": 12}))
    The audit compared 600 maps of 3 classes. It compared groups by 2 columns of the manifest in 12 tests.
    """
    said = []
    if tested.get("maps"):
        maps, classes = counted(tested["maps"], "map"), counted(tested["classes"], "class", "classes")
        said.append(f"The audit compared {maps} of {classes}.")
    if tested.get("columns"):
        columns, tests = counted(tested["columns"], "column"), counted(tested["tests_of_groups"], "test")
        said.append(f"It compared groups by {columns} of the manifest in {tests}.")
    if tested.get("tests_of_performance"):
        said.append(f"It compared accuracy, recall and precision in {counted(tested['tests_of_performance'], 'test')}.")
    found = [check.looked(tested[name]) for name, check in checks().items() if tested.get(name)]
    return [*(text for text in found if text), *said]


def _filters(plan: Plan, numbers: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """Settings of the gallery that show the samples of a finding, which its numbers name."""
    names = ("class", "cluster", "label", "predicted")
    found: dict[str, str | Sequence[str]] = {
        name: str(numbers[name]) for name in names if numbers.get(name) is not None
    }
    if "measure" in numbers:
        found["correct"] = "labelled"
    if "fact" in numbers:
        return found | {f"col.{fact_column(str(numbers['fact']))}": str(numbers["group"])}
    column = str(numbers.get("column", ""))
    if column not in plan.samples:
        return found
    # A group has a value in common, or lies in an interval of numbers; of an audited group those that were chosen.
    group, chosen = str(numbers["group"]), plan.config["audit"]["where"].get(column, [])
    inside = [] if numbers.get("among") == "all" or isinstance(chosen, str) else _inside(group, chosen)
    return found | {f"col.{column}": inside or group}


def _inside(interval: str, values: Sequence[str]) -> list[str]:
    """Which numbers lie in an interval such as ``(1.5, 3.0]``; none of what is no interval."""
    limits = re.fullmatch(r"\(([^,]+), ([^,]+)\]", interval)
    return [value for value in values if limits and float(limits[1]) < float(value) <= float(limits[2])]


def fact_column(name: str) -> str:
    """Name of a column of the page that says in which group a fact of the files puts each sample.

    Examples
    --------
    >>> fact_column("bytes")
    'file: bytes'
    """
    return f"file: {name}"


def page_findings(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the page's scripts need of ``findings.json``: the sentence, the samples, and the place if there is one."""
    wanted = ("begin", "end")
    return [
        {
            "sentence": finding["sentence"],
            "samples": finding["samples"],
            **{key: finding["numbers"][key] for key in wanted if key in finding["numbers"]},
        }
        for finding in document["findings"]
    ]


def read_findings(path: Path) -> dict[str, Any]:
    """Read ``findings.json``."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def failures(path: Path, models: Sequence[str]) -> dict[str, Any]:
    """Samples without a result.

    Parameters
    ----------
    path
        ``errors.csv``.
    models
        Names.

    Returns
    -------
    dict
        ``count``, ``rows`` (the first of them: ``model, id, problem`` and a link) and ``problems``, by model and id.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows = [
        {
            "model": row["model"],
            "id": row["id"],
            "problem": row["problem"],
            "link": page_link("sample", row["id"], {} if row["model"] == models[0] else {"model": row["model"]}),
        }
        for row in table.head(MOST_FAILURES).to_dict("records")
    ]
    problems = {name: dict(zip(part["id"], part["problem"], strict=True)) for name, part in table.groupby("model")}
    return {"count": len(table), "rows": rows, "problems": problems}
