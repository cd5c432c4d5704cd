STORE = f"{RESULTS}/{{model}}.zarr/zarr.json"
METADATA = [
    f"{RESULTS}/{{model}}.zarr/{name}"
    for name in [
        *ID_FILES,
        *(f"{array}/zarr.json" for array in PLAN.arrays),
        *(f"{target}/zarr.json" for target in PLAN.targets),
    ]
]


# Fused shards are made again whichever of the two files changes, so that one job writes both and builds the network once.
DESCRIBED = {"model": MODEL}
if config["execution"] == "fused" and TARGET_LAYER in DESCRIPTIONS:
    DESCRIBED["target_layer"] = TARGET_LAYER


rule inspect_model:
    input:
        made_model,
    output:
        **DESCRIBED,
    log:
        f"{RESULTS}/logs/{{model}}/inspect_model.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("inspect_model"),
        runtime=runtime("inspect_model"),
    params:
        digest=step_digest("inspect_model"),
    message:
        "Inspect {wildcards.model}"
    script:
        "../scripts/inspect_model.py"


if TARGET_LAYER in DESCRIPTIONS and "target_layer" not in DESCRIBED:

    rule find_target_layer:
        input:
            made_model,
        output:
            target_layer=TARGET_LAYER,
        log:
            f"{RESULTS}/logs/{{model}}/find_target_layer.log",
        conda:
            "../envs/saliency.yaml"
        resources:
            mem_mb=memory("find_target_layer"),
            runtime=runtime("find_target_layer"),
        params:
            digest=step_digest("find_target_layer"),
        message:
            "Find the target layer of {wildcards.model}"
        script:
            "../scripts/inspect_model.py"


# It takes a second or two, also where other jobs run on a cluster.
rule zarr_metadata:
    input:
        DESCRIPTIONS,
    output:
        group=STORE,
        files=METADATA,
    log:
        f"{RESULTS}/logs/{{model}}/zarr_metadata.log",
    localrule: True
    conda:
        "../envs/saliency.yaml"
    params:
        digest=step_digest("zarr_metadata"),
    message:
        "Write the Zarr metadata of {wildcards.model}"
    script:
        "../scripts/zarr_metadata.py"
