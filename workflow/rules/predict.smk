rule predict:
    input:
        **REGION,
        inputs=of_target("inputs"),
        status=of_target("status"),
        weights=made_weights,
        descriptions=[MODEL],
    output:
        logits=of_target("logits"),
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
        logits=of_target("logits"),
        descriptions=[MODEL],
    output:
        **{"class": of_target("class")},
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
