rule sprites:
    input:
        shards=[
            shard(name)
            for name in [*LAYERS, *(["affine"] if "affine" in PLAN.arrays else [])]
        ],
        descriptions=DESCRIPTIONS,
    output:
        list(SPRITES.values()),
    log:
        f"{RESULTS}/logs/{{model}}/sprites/{{shard}}.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("sprites"),
        runtime=runtime("sprites"),
    params:
        digest=step_digest("sprites"),
    message:
        "Draw the report's pictures of shard {wildcards.shard} ({wildcards.model})"
    script:
        "../scripts/sprites.py"


rule model_data:
    input:
        metrics=f"{RESULTS}/{{model}}/metrics.parquet",
        grids=every_shard(GRIDS),
        audits=expand(
            [AUDIT[name] for name in ("distributions", "groups", "clusters")],
            target=PLAN.targets,
            allow_missing=True,
        ),
        mean_maps=expand(
            [f"{MEAN_MAPS}/{name}" for name in MEAN_MAP_FILES],
            target=PLAN.targets,
            allow_missing=True,
        ),
    output:
        list(MODEL_DATA.values()),
    log:
        f"{RESULTS}/logs/{{model}}/model_data.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("audit"),
        runtime=runtime("audit"),
    params:
        digest=step_digest("report"),
    message:
        "Write the report's tables of {wildcards.model}"
    script:
        "../scripts/model_data.py"


localrules:
    report_page,


rule report_page:
    input:
        predictions=expand(f"{RESULTS}/{{model}}/predictions.csv", model=PLAN.models),
        findings=expand(AUDIT["findings_json"], model=PLAN.models, target=PLAN.targets),
        errors=f"{RESULTS}/errors.csv",
    output:
        page=report(
            PAGE,
            caption="../report/page.rst",
            category="Report",
            labels={"page": "overview"},
        ),
        files=PAGE_FILES,
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../envs/saliency.yaml"
    params:
        digest=lambda wildcards: PLAN.report_digest(),
    message:
        "Write the report's page"
    script:
        "../scripts/report_page.py"
