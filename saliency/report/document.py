"""The report's page and the files that it loads, from the results of a finished run."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saliency.audit.leakage.fact_groups import fact_groups
from saliency.audit.leakage.fact_table import join_facts
from saliency.audit.pictures import read_pictures
from saliency.experiment.config import Config, read_class_names
from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows
from saliency.files.atomic_files import write_atomically
from saliency.methods.registered import method
from saliency.report.asset_files import SCRIPTS, script, style_sheet, table_library
from saliency.report.colour_maps import DIVERGING, SEQUENTIAL, colour_table
from saliency.report.overview import (
    fact_column,
    failures,
    model_summary,
    page_findings,
    read_findings,
    target_findings,
)
from saliency.report.scripts import codes, data_script, script_json
from saliency.report.tiles import tile_size
from saliency.steps.predictions import read_predictions


def samples_data(
    plan: Plan, problems: Mapping[str, Mapping[str, str]], further: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """The manifest with further columns, and what is wrong with the samples that failed, by model and id."""
    manifest = {str(name): plan.samples[name].tolist() for name in plan.samples if name not in ("id", "label")}
    added = {name: values for name, values in further.items() if name not in manifest}
    columns = [{"name": name, **codes(values)} for name, values in (manifest | added).items()]
    return {"ids": plan.samples["id"].tolist(), "columns": columns, "problems": problems}


def told_facts(plan: Plan, documents: Sequence[Mapping[str, Any]], facts: Sequence[Path]) -> dict[str, list[str]]:
    """Columns of the facts that findings name: in which group each audited sample is, "" where it is in none."""
    named = {finding["numbers"].get("fact") for document in documents for finding in document["findings"]} - {None}
    if not named:
        return {}
    groups, _ = fact_groups(join_facts(facts)[sorted(named)], audited_rows(plan.samples, plan.config["audit"]["where"]))
    return {fact_column(name): members.fillna("").tolist() for name, members in groups.items()}


def page_settings(plan: Plan, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the scripts of the page need at once.

    Parameters
    ----------
    plan
        The experiment.
    documents
        By model and target: ``findings.json``.
    """
    config = plan.config
    return {
        "experiment": config["experiment"],
        "ndim": plan.ndim,
        "samples": len(plan.samples),
        "shard_size": plan.shard_size,
        "models": plan.models,
        "sizes": {model: tile_size(plan.spatial_shape(model)) for model in plan.models},
        "targets": plan.targets,
        "methods": plan.methods,
        "leading": plan.leading,
        "kinds": {
            name: {"title": method(name).title, "signed": method(name).signed, "over": method(name).grid == "features"}
            for name in plan.methods
        },
        "class_names": {model: read_class_names(config["models"][model]["class_names"]) for model in plan.models},
        "where": config["audit"]["where"],
        "findings": {
            model: {target: page_findings(document) for target, document in of_model.items()}
            for model, of_model in documents.items()
        },
        "colours": {name: colour_table(name) for name in {**SEQUENTIAL, **DIVERGING}},
        "sequential": SEQUENTIAL,
        "diverging": DIVERGING,
    }


def write_report(
    config: Config,
    predictions: Sequence[str | Path],
    findings: Sequence[str | Path],
    errors: Path,
    folder: Path,
    facts: Sequence[Path] = (),
    pictures: Mapping[str, Sequence[str | Path]] | None = None,
) -> None:
    """Write the page; the pictures and the data of each model lie beside it.

    Parameters
    ----------
    config
        The completed config.
    predictions
        ``predictions.csv`` of each model.
    findings
        ``findings.json`` of each model and target: all targets of the first model, then those of the next.
    errors
        ``errors.csv``.
    folder
        Gets ``index.html``, ``assets/`` and ``data/samples.js``.
    facts
        What `saliency.audit.leakage.fact_table.write_facts` wrote, of all shards.
    pictures
        By check: the file with its pictures of each model (`saliency.audit.pictures`).
    """
    plan = Plan(config)
    read = iter(map(read_findings, map(Path, findings)))
    documents = {model: {target: next(read) for target in plan.targets} for model in plan.models}
    shown = {
        model: {check: read_pictures(Path(paths[number])) for check, paths in (pictures or {}).items()}
        for number, model in enumerate(plan.models)
    }
    settings = page_settings(plan, documents)
    failed = failures(errors, plan.models)
    style = style_sheet()
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=PackageLoader("saliency.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("index.html").render(
        experiment=config["experiment"],
        manifest=config["manifest"],
        where=config["audit"]["where"],
        samples=len(plan.samples),
        models=[
            model_summary(plan, model, read_predictions(Path(path)))
            for model, path in zip(plan.models, predictions, strict=True)
        ],
        targets=[
            target_findings(plan, model, target, document, shown[model], settings["class_names"][model])
            for model, of_model in documents.items()
            for target, document in of_model.items()
        ],
        failures=failed,
        style=Markup(style),
        style_hash=style_hash,
        settings=Markup(script_json(settings)),
        scripts=SCRIPTS,
    )
    for name in SCRIPTS:
        write_atomically(folder / "assets" / name, script(name))
    for name, content in table_library().items():
        write_atomically(folder / "assets" / name, content)
    told = told_facts(plan, [document for of_model in documents.values() for document in of_model.values()], facts)
    samples = samples_data(plan, failed["problems"], told)
    write_atomically(folder / "data" / "samples.js", data_script("samples", samples))
    write_atomically(folder / "index.html", page.encode())
