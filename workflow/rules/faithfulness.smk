rule faithfulness:
    input:
        **shards_of_rows(
            ["inputs", "class", *PLAN.methods], SELECTION.checked("faithfulness")
        ),
        weights=made_weights,
        descriptions=DESCRIPTIONS,
    output:
        table=f"{RESULTS}/{{model}}/audit/{{target}}/faithfulness.csv",
        curves=f"{RESULTS}/{{model}}/audit/{{target}}/faithfulness_curves.csv",
        figure=report(
            f"{RESULTS}/{{model}}/audit/{{target}}/faithfulness.png",
            caption="../report/faithfulness.rst",
            category="Audit",
            subcategory="{model}",
            labels={"target": "{target}", "check": "faithfulness"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/faithfulness.log",
    conda:
        "../envs/saliency.yaml"
    threads: config["threads"]
    resources:
        mem_mb=memory("faithfulness"),
        runtime=runtime("faithfulness"),
        gpu=GPUS,
    params:
        digest=step_digest("faithfulness"),
    message:
        "Delete and insert pixels ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/faithfulness.py"
