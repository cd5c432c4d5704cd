rule sprites:
    input:
        **of_all_targets(
            [name for name in ("inputs", "affine") if name in PLAN.arrays]
            + PLAN.methods
        ),
        descriptions=DESCRIPTIONS,
    output:
        pictures=PICTURES,
        volumes=VOLUMES,
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


if OUTLINES:

    rule outlines:
        input:
            # Boxes are told in pixels of the sample's file, which may have to be made first.
            inputs=shard("inputs"),
            masks=made_masks,
        output:
            OUTLINES,
        log:
            f"{RESULTS}/logs/{{model}}/outlines/{{shard}}.log",
        conda:
            "../envs/saliency.yaml"
        resources:
            mem_mb=memory("outlines"),
            runtime=runtime("outlines"),
        params:
            digest=step_digest("outlines"),
        message:
            "Draw the masks of shard {wildcards.shard} for the report ({wildcards.model})"
        script:
            "../scripts/outlines.py"


rule model_data:
    input:
        **{
            name: expand(AUDIT[name], target=PLAN.targets, allow_missing=True)
            for name in ("distributions", "groups", "clusters")
        },
        metrics=f"{RESULTS}/{{model}}/metrics.parquet",
        grids=every_shard(GRIDS),
        mean_maps=expand(MEAN_MAP_GROUP, target=PLAN.targets, allow_missing=True),
        mean_map_files=expand(MEAN_MAP_FILES, target=PLAN.targets, allow_missing=True),
    output:
        **MODEL_DATA,
    log:
        f"{RESULTS}/logs/{{model}}/model_data.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("model_data"),
        runtime=runtime("model_data"),
    params:
        digest=step_digest("model_data"),
    message:
        "Write the report's tables of {wildcards.model}"
    script:
        "../scripts/model_data.py"


# It takes a second or two, also where other jobs run on a cluster.
rule report_page:
    input:
        **{name: expand(path, model=PLAN.models) for name, path in SHOWN.items()},
        **{f"table_{name}": paths for name, paths in PLOTTED.items()},
        predictions=expand(f"{RESULTS}/{{model}}/predictions.csv", model=PLAN.models),
        findings=expand(AUDIT["findings_json"], model=PLAN.models, target=PLAN.targets),
        errors=f"{RESULTS}/errors.csv",
        facts=every_shard(FACTS),
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
    localrule: True
    conda:
        "../envs/saliency.yaml"
    params:
        digest=lambda wildcards: DIGESTS.of("report_page"),
        shown=list(SHOWN),
        plotted=list(PLOTTED),
    message:
        "Write the report's page"
    script:
        "../scripts/report_page.py"
