rule prepare:
    output:
        inputs=shard("inputs"),
        status=shard("status"),
    log:
        f"{RESULTS}/logs/{{model}}/prepare/{{shard}}.log",
    params:
        digest=step_digest("prepare"),
    resources:
        mem_mb=memory,
    script:
        "../scripts/prepare.py"
