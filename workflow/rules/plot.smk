rule plot:
    input:
        **shards_of_rows(DRAWN, SELECTION.chosen.index),
        predictions=f"{RESULTS}/{{model}}/predictions.csv",
        descriptions=DESCRIPTIONS,
    output:
        samples=SAMPLE_FIGURES,
        montages=MONTAGES,
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/plot.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("plot"),
        runtime=runtime("plot"),
    params:
        digest=step_digest("plot"),
    message:
        "Draw samples ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/plot.py"


rule contact_sheets:
    input:
        **shards_of_rows(DRAWN, range(len(PLAN.samples))),
        predictions=f"{RESULTS}/{{model}}/predictions.csv",
        descriptions=DESCRIPTIONS,
    output:
        **{
            selection: report(
                path,
                caption="../report/contact_sheet.rst",
                category="Contact sheets",
                subcategory="{model}",
                labels={"target": "{target}", "samples": selection},
            )
            for selection, path in CONTACT_SHEETS.items()
        },
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/contact_sheets.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("contact_sheets"),
        runtime=runtime("contact_sheets"),
    params:
        digest=step_digest("contact_sheets"),
    message:
        "Draw contact sheets ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/contact_sheets.py"
