rule measure:
    input:
        inputs=shard("inputs"),
        classes=expand(shard("{target}/class"), target=PLAN.targets, allow_missing=True),
        gradcam=expand(
            shard("{target}/gradcam"), target=PLAN.targets, allow_missing=True
        ),
        guided_backprop=(
            expand(
                shard("{target}/guided_backprop"),
                target=PLAN.targets,
                allow_missing=True,
            )
            if "guided_backprop" in PLAN.methods
            else []
        ),
        masks=made_masks,
        descriptions=DESCRIPTIONS,
    output:
        table=MEASURES,
        grids=GRIDS,
    log:
        f"{RESULTS}/logs/{{model}}/measure/{{shard}}.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("measure"),
        runtime=runtime("measure"),
    params:
        digest=step_digest("measure"),
    message:
        "Measure the maps of shard {wildcards.shard} ({wildcards.model})"
    script:
        "../scripts/measure.py"


rule metrics:
    input:
        measures=every_shard(MEASURES),
        predictions=f"{RESULTS}/{{model}}/predictions.csv",
    output:
        parquet=f"{RESULTS}/{{model}}/metrics.parquet",
        csv=report(
            f"{RESULTS}/{{model}}/metrics.csv",
            caption="../report/metrics.rst",
            category="Audit",
            subcategory="{model}",
            labels={"target": "all", "table": "metrics"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/metrics.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("audit"),
        runtime=runtime("audit"),
    params:
        digest=step_digest("audit"),
    message:
        "Tabulate the measures of {wildcards.model}"
    script:
        "../scripts/metrics.py"


rule audit:
    input:
        metrics=f"{RESULTS}/{{model}}/metrics.parquet",
        grids=every_shard(GRIDS),
        figures=[path for path in FIGURES.values() if "/samples/" in path],
    output:
        **{name: path for name, path in AUDIT.items() if name != "findings_md"},
        findings_md=report(
            AUDIT["findings_md"],
            caption="../report/findings.rst",
            category="Audit",
            subcategory="{model}",
            labels={"target": "{target}", "table": "findings"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/audit.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("audit"),
        runtime=runtime("audit"),
    params:
        digest=step_digest("audit"),
    message:
        "Look for findings ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/audit.py"


rule mean_maps:
    input:
        classes=every_shard(shard("{target}/class")),
        gradcam=every_shard(shard("{target}/gradcam")),
        descriptions=DESCRIPTIONS,
    output:
        [f"{MEAN_MAPS}/{name}" for name in MEAN_MAP_FILES],
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/mean_maps.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("audit"),
        runtime=runtime("audit"),
    params:
        digest=step_digest("audit"),
    message:
        "Average the maps of each class ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/mean_maps.py"
