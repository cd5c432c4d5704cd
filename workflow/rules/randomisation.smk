rule randomisation:
    input:
        **shards_of_rows(["inputs", "status"], SELECTION.checked("randomisation")),
        weights=made_weights,
        descriptions=DESCRIPTIONS,
    output:
        table=f"{RESULTS}/{{model}}/audit/randomisation.csv",
        figure=report(
            f"{RESULTS}/{{model}}/audit/randomisation.png",
            caption="../report/randomisation.rst",
            category="Audit",
            subcategory="{model}",
            labels={"target": "predicted", "check": "randomisation"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/randomisation.log",
    conda:
        "../envs/saliency.yaml"
    threads: config["threads"]
    resources:
        mem_mb=memory("randomisation"),
        runtime=runtime("randomisation"),
        gpu=GPUS,
    params:
        digest=step_digest("randomisation"),
    message:
        "Randomise the layers of {wildcards.model}"
    script:
        "../scripts/randomisation.py"
