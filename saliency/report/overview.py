"""What the report's first page says: numbers of each model, findings, samples without a result."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from saliency.audit.findings.registered import finding_kind
from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows
from saliency.report.links import page_link

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
        samples that the audit is about, None if it is about all.
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
    }


def target_findings(plan: Plan, model: str, target: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Findings of one target, each with links to what shows it.

    Parameters
    ----------
    plan, model, target
        Of whom they are.
    document
        ``findings.json`` (`saliency.audit.document.SCHEMA`).

    Returns
    -------
    dict
        ``model``, ``target``, ``left_out``, ``tested``, and ``findings``: ``title``, ``sentence``, ``samples``,
        ``pictures`` (link to the gallery) and ``class_page`` (link, or None).
    """
    base = {} if model == plan.models[0] else {"model": model}
    base |= {} if target == plan.targets[0] else {"target": target}
    audited = {f"col.{column}": value for column, value in plan.config["audit"]["where"].items()}
    findings = []
    for number, finding in enumerate(document["findings"]):
        numbers = finding["numbers"]
        name = None if numbers.get("class") is None else str(numbers["class"])
        settings = base | {"finding": str(number)} | ({} if numbers.get("among") == "all" else audited)
        filters = _filters(plan, numbers)
        findings.append(
            {
                "title": finding_kind(finding["kind"]).title,
                "sentence": finding["sentence"],
                "samples": finding["samples"],
                "pictures": page_link("gallery", None, settings | filters),
                "class_page": None if name is None else page_link("class", name, base | {"finding": str(number)}),
                "exemplars": [
                    (sample, page_link("sample", sample, settings | filters)) for sample in finding["samples"]
                ],
            }
        )
    return {
        "model": model,
        "target": target,
        "findings": findings,
        "left_out": document["left_out"],
        "tested": document["tested"],
    }


def _filters(plan: Plan, numbers: Mapping[str, Any]) -> dict[str, str]:
    """Settings of the gallery that show the samples of a finding, which its numbers name."""
    names = ("class", "cluster", "label", "predicted")
    found = {name: str(numbers[name]) for name in names if numbers.get(name) is not None}
    if "measure" in numbers:
        found["correct"] = "labelled"
    if "fact" in numbers:
        return found | {f"col.{fact_column(str(numbers['fact']))}": str(numbers["group"])}
    column = str(numbers.get("column", ""))
    # A group has a value in common, or lies in an interval of numbers.
    return found | ({f"col.{column}": str(numbers["group"])} if column in plan.samples else {})


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
