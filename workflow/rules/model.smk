METADATA = [
    f"{RESULTS}/{{model}}.zarr/{name}"
    for name in [
        "zarr.json",
        "id/zarr.json",
        "id/c.0",
        *(f"{array}/zarr.json" for array in PLAN.arrays),
        *(f"{target}/zarr.json" for target in PLAN.targets),
    ]
]


rule inspect_model:
    input:
        made_weights,
    output:
        MODEL,
    log:
        f"{RESULTS}/logs/{{model}}/inspect_model.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("inspect_model"),
        runtime=runtime("inspect_model"),
    params:
        digest=step_digest("model"),
    message:
        "Inspect {wildcards.model}"
    script:
        "../scripts/inspect_model.py"


rule find_target_layer:
    input:
        made_weights,
    output:
        TARGET_LAYER,
    log:
        f"{RESULTS}/logs/{{model}}/find_target_layer.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("find_target_layer"),
        runtime=runtime("find_target_layer"),
    params:
        digest=step_digest("target_layer"),
    message:
        "Find the target layer of {wildcards.model}"
    script:
        "../scripts/find_target_layer.py"


rule zarr_metadata:
    input:
        DESCRIPTIONS,
    output:
        METADATA,
    log:
        f"{RESULTS}/logs/{{model}}/zarr_metadata.log",
    conda:
        "../envs/saliency.yaml"
    params:
        digest=step_digest("metadata"),
    message:
        "Write the Zarr metadata of {wildcards.model}"
    script:
        "../scripts/zarr_metadata.py"
