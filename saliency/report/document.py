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
from saliency.metrics.registered import measures
from saliency.report.asset_files import SCRIPTS, script, style_sheet, table_library
from saliency.report.citation import citation
from saliency.report.colour_maps import DIVERGING, SEQUENTIAL, colour_table
from saliency.report.first_screen import comparisons, model_card, not_tested, recall_rows
from saliency.report.making import making
from saliency.report.overview import (
    fact_column,
    failures,
    model_summary,
    page_findings,
    read_findings,
    target_findings,
)
from saliency.report.plot_tables import plot_data, tables_of_models
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


def meanings(plan: Plan) -> dict[str, str]:
    """What each method and each column of measures is, in one sentence, as they say themselves."""
    found = {name: method(name).summary for name in plan.methods}
    for measure in measures().values():
        found |= dict.fromkeys(measure.columns(plan.ndim, plan.measured), measure.meaning)
    # They are Markdown; names of others stand between backticks.
    return {name: text.replace("`", "") for name, text in found.items()}


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
        "leading": plan.measured[0],
        "masks": plan.mask_column is not None,
        "kinds": {
            name: {"title": method(name).title, "signed": method(name).signed, "over": method(name).grid == "features"}
            for name in plan.methods
        },
        "meanings": meanings(plan),
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
    tables: Mapping[str, Sequence[str | Path]] | None = None,
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
    tables
        Of which plots are drawn, by name (`saliency.report.plot_tables.tables_of_models`): ``performance``,
        ``confusion`` and ``calibration`` of the first target, and those of the checks.
    """
    plan = Plan(config)
    read = iter(map(read_findings, map(Path, findings)))
    documents = {model: {target: next(read) for target in plan.targets} for model in plan.models}
    shown = {
        model: {check: read_pictures(Path(paths[number])) for check, paths in (pictures or {}).items()}
        for number, model in enumerate(plan.models)
    }
    settings = page_settings(plan, documents)
    said = {model: read_predictions(Path(path)) for model, path in zip(plan.models, predictions, strict=True)}
    read_tables = tables_of_models(tables or {}, plan.models, plan.targets)
    told = [of_model[plan.targets[0]]["tested"] for of_model in documents.values()]
    names = settings["class_names"]
    found = [
        target_findings(plan, model, target, document, shown[model], names[model])
        for model, of_model in documents.items()
        for target, document in of_model.items()
    ]
    cards = [model_card(plan, model, said[model], [one for one in found if one["model"] == model]) for model in said]
    first = plan.targets[0]
    performance = {model: of["performance"][first] for model, of in read_tables.items() if "performance" in of}
    # Its rows are pairs of pictures: no plot shows them.
    answers = {
        model: of.pop("paired_transfer_table")[first]
        for model, of in read_tables.items()
        if "paired_transfer_table" in of
    }
    settings["comparisons"] = comparisons(plan, said, names, answers)
    settings["recalls"] = recall_rows(plan, performance, names[plan.models[0]])
    settings["citation"] = citation(predictions, findings)
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
        models=[model_summary(plan, model, table) for model, table in said.items()],
        methods=[method(name).title for name in plan.methods],
        targets=found,
        cards=cards,
        differences=[one for one in settings["comparisons"] if one["models"][0] == plan.models[0]],
        recalls=settings["recalls"],
        untested=not_tested(plan, told, any(card["accuracy"]["labelled"] for card in cards)),
        audited=int(audited_rows(plan.samples, config["audit"]["where"]).sum()),
        failures=failed,
        making=making(plan, settings["citation"]),
        style=Markup(style),
        style_hash=style_hash,
        settings=Markup(script_json(settings)),
        scripts=SCRIPTS,
    )
    for name in SCRIPTS:
        write_atomically(folder / "assets" / name, script(name))
    for name, content in table_library().items():
        write_atomically(folder / "assets" / name, content)
    of_facts = told_facts(plan, [document for of_model in documents.values() for document in of_model.values()], facts)
    samples = samples_data(plan, failed["problems"], of_facts)
    for model, of_model_tables in read_tables.items():
        content = data_script(f"{model}/tables", plot_data(of_model_tables))
        write_atomically(folder / "data" / model / "tables.js", content)
    write_atomically(folder / "data" / "samples.js", data_script("samples", samples))
    write_atomically(folder / "index.html", page.encode())
