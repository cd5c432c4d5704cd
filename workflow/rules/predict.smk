rule predict:
    input:
        inputs=shard("inputs"),
        status=shard("status"),
        descriptions=[MODEL],
    output:
        logits=shard("logits"),
    log:
        f"{RESULTS}/logs/{{model}}/predict/{{shard}}.log",
    params:
        digest=step_digest("predict"),
    threads: config["threads"]
    resources:
        mem_mb=memory,
    script:
        "../scripts/predict.py"


rule target_class:
    input:
        logits=shard("logits"),
        descriptions=[MODEL],
    output:
        classes=target_shard("class"),
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/target_class/{{shard}}.log",
    params:
        digest=step_digest("target_class"),
    script:
        "../scripts/target_class.py"
