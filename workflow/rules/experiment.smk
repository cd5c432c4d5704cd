include: "common.smk"
include: "model.smk"


if config["patches"]:

    include: "patches.smk"


if config["digits"]:

    include: "digits.smk"


if config["textures"]:

    include: "textures.smk"


if any(model["train"] for model in config["models"].values()):

    include: "train.smk"


if config["execution"] == "fused":

    include: "fused.smk"

else:

    include: "prepare.smk"
    include: "predict.smk"
    include: "maps.smk"


include: "tables.smk"
include: "plot.smk"
include: "export.smk"


if PLAN.audited:

    include: "audit.smk"
    include: "facts.smk"


if PLAN.reported:

    include: "report.smk"


if CHECKS:

    include: "checks.smk"


# Everything that a run leaves.
WANTED = {
    "sources": made_sources(),
    "descriptions": expand(DESCRIPTIONS, model=PLAN.models),
    "metadata": expand([STORE, *METADATA], model=PLAN.models),
    "shards": all_shards(),
    "tables": expand(f"{RESULTS}/{{model}}/predictions.csv", model=PLAN.models),
    "errors": f"{RESULTS}/errors.csv",
    "provenance": f"{RESULTS}/provenance.json",
    "figures": expand(
        SAMPLE_FIGURES + MONTAGES, model=PLAN.models, target=PLAN.targets
    ),
    "audit": audit_files(),
    "report": report_files(),
    "exports": expand(
        EXPORTS.values(),
        model=PLAN.models,
        target=PLAN.targets,
        sample=[file_name(sample) for sample in SELECTION.exported],
    ),
    "contact_sheets": expand(
        CONTACT_SHEETS.values(), model=PLAN.models, target=PLAN.targets
    ),
    "checks": expand(
        [path for files in CHECKS.values() for path in files.values()],
        model=PLAN.models,
        target=PLAN.targets,
    ),
}
