rule fused:
    input:
        files=made_files,
        weights=made_weights,
        descriptions=DESCRIPTIONS,
    output:
        [shard(array) for array in PLAN.arrays],
    log:
        f"{RESULTS}/logs/{{model}}/fused/{{shard}}.log",
    priority: 10
    conda:
        "../envs/saliency.yaml"
    threads: config["threads"]
    resources:
        mem_mb=memory("fused"),
        runtime=runtime("fused"),
        gpu=GPUS,
    params:
        digest=lambda wildcards: PLAN.fused_digest(
            wildcards.model, int(wildcards.shard)
        ),
    message:
        "All maps of shard {wildcards.shard} with {wildcards.model}"
    script:
        "../scripts/fused.py"
