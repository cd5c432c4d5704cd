rule train:
    input:
        inputs=training_shards,
        pretrained=made_pretrained,
    output:
        weights=WEIGHTS,
        history=TRAINING,
    log:
        f"{RESULTS}/logs/{{model}}/train.log",
    conda:
        "../envs/saliency.yaml"
    threads: config["threads"]
    resources:
        mem_mb=memory("train"),
        runtime=runtime("train"),
    params:
        digest=step_digest("train"),
    message:
        "Train {wildcards.model}"
    script:
        "../scripts/train.py"
