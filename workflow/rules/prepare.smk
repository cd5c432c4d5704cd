rule prepare:
    input:
        made_files,
    output:
        **{name: of_target(name) for name in PREPARED},
    log:
        f"{RESULTS}/logs/{{model}}/prepare/{{shard}}.log",
    priority: 10
    conda:
        "../envs/saliency.yaml"
    threads: config["threads"]
    resources:
        mem_mb=memory("prepare"),
        runtime=runtime("prepare"),
    params:
        digest=step_digest("prepare"),
    message:
        "Read shard {wildcards.shard} for {wildcards.model}"
    script:
        "../scripts/prepare.py"
