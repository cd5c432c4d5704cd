rule predict:
    input:
        inputs=shard("inputs"),
        status=shard("status"),
        region=REGION,
        weights=made_weights,
        descriptions=[MODEL],
    output:
        logits=shard("logits"),
    log:
        f"{RESULTS}/logs/{{model}}/predict/{{shard}}.log",
    priority: 10
    conda:
        "../envs/saliency.yaml"
    threads: config["threads"]
    resources:
        mem_mb=memory("predict"),
        runtime=runtime("predict"),
        gpu=GPUS,
    params:
        digest=step_digest("predict"),
    message:
        "Predict shard {wildcards.shard} with {wildcards.model}"
    script:
        "../scripts/predict.py"


rule target_class:
    input:
        logits=shard("logits"),
        descriptions=[MODEL],
    output:
        classes=shard("{target}/class"),
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/target_class/{{shard}}.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("target_class"),
        runtime=runtime("target_class"),
    params:
        digest=step_digest("target_class"),
    message:
        "Choose the classes to explain in shard {wildcards.shard} ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/target_class.py"
