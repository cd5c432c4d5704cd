rule measure:
    input:
        **of_all_targets(["inputs", "class", *PLAN.measured]),
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
        mem_mb=memory("metrics"),
        runtime=runtime("metrics"),
    params:
        digest=step_digest("metrics"),
    message:
        "Tabulate the measures of {wildcards.model}"
    script:
        "../scripts/metrics.py"


rule audit:
    input:
        metrics=f"{RESULTS}/{{model}}/metrics.parquet",
        grids=every_shard(GRIDS),
        facts=every_shard(FACTS),
        description=MODEL,
    output:
        **{
            name: path
            for name, path in AUDIT.items()
            if not name.startswith("findings")
        },
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
        "Audit the maps ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/audit.py"


rule findings:
    input:
        **{name: evidence_of_checks(name) for name in EVIDENCE},
        metrics=f"{RESULTS}/{{model}}/metrics.parquet",
        evidence=AUDIT["evidence"],
        figures=SAMPLE_FIGURES,
    output:
        findings_json=AUDIT["findings_json"],
        findings_md=report(
            AUDIT["findings_md"],
            caption="../report/findings.rst",
            category="Audit",
            subcategory="{model}",
            labels={"target": "{target}", "table": "findings"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/findings.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("findings"),
        runtime=runtime("findings"),
    params:
        digest=step_digest("findings"),
        checks=list(EVIDENCE),
    message:
        "Look for findings ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/findings.py"


rule mean_maps:
    input:
        classes=every_shard(of_target("class")),
        maps=every_shard(of_target(PLAN.audited_method)),
        descriptions=DESCRIPTIONS,
    output:
        group=MEAN_MAP_GROUP,
        files=MEAN_MAP_FILES,
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/mean_maps.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("mean_maps"),
        runtime=runtime("mean_maps"),
    params:
        digest=step_digest("mean_maps"),
    message:
        "Average the maps of each class ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/mean_maps.py"
