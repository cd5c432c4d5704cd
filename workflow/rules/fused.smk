rule fused:
    input:
        files=made_files,
        weights=made_weights,
        descriptions=DESCRIPTIONS,
    output:
        **of_all_targets(dict.fromkeys(stored_array(path).name for path in PLAN.arrays)),
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
        digest=step_digest("fused"),
    message:
        "All maps of shard {wildcards.shard} with {wildcards.model}"
    script:
        "../scripts/fused.py"
