rule fused:
    input:
        descriptions=DESCRIPTIONS,
    output:
        [shard(array) for array in PLAN.array_ndim],
    log:
        f"{RESULTS}/logs/{{model}}/fused/{{shard}}.log",
    params:
        digest=lambda wildcards: PLAN.fused_digest(wildcards.model, int(wildcards.shard)),
    threads: config["threads"]
    resources:
        mem_mb=memory,
    script:
        "../scripts/fused.py"
