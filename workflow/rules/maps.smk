if "guided_backprop" in PLAN.methods:

    rule guided_backprop:
        input:
            inputs=shard("inputs"),
            classes=shard("{target}/class"),
            region=REGION,
            weights=made_weights,
        output:
            maps=shard("{target}/guided_backprop"),
        log:
            f"{RESULTS}/logs/{{model}}/{{target}}/guided_backprop/{{shard}}.log",
        conda:
            "../envs/saliency.yaml"
        threads: config["threads"]
        resources:
            mem_mb=memory("guided_backprop"),
            runtime=runtime("guided_backprop"),
            gpu=GPUS,
        params:
            digest=step_digest("guided_backprop"),
        message:
            "Guided backpropagation of shard {wildcards.shard} ({wildcards.model}, {wildcards.target})"
        script:
            "../scripts/explain.py"


if "gradcam" in PLAN.methods:

    rule gradcam:
        input:
            inputs=shard("inputs"),
            classes=shard("{target}/class"),
            region=REGION,
            weights=made_weights,
            descriptions=[TARGET_LAYER],
        output:
            maps=shard("{target}/gradcam"),
        log:
            f"{RESULTS}/logs/{{model}}/{{target}}/gradcam/{{shard}}.log",
        conda:
            "../envs/saliency.yaml"
        threads: config["threads"]
        resources:
            mem_mb=memory("gradcam"),
            runtime=runtime("gradcam"),
            gpu=GPUS,
        params:
            digest=step_digest("gradcam"),
        message:
            "Grad-CAM of shard {wildcards.shard} ({wildcards.model}, {wildcards.target})"
        script:
            "../scripts/explain.py"


if "guided_gradcam" in PLAN.methods:

    rule guided_gradcam:
        input:
            guided_backprop=shard("{target}/guided_backprop"),
            gradcam=shard("{target}/gradcam"),
            descriptions=[TARGET_LAYER],
        output:
            maps=shard("{target}/guided_gradcam"),
        log:
            f"{RESULTS}/logs/{{model}}/{{target}}/guided_gradcam/{{shard}}.log",
        conda:
            "../envs/saliency.yaml"
        threads: config["threads"]
        resources:
            mem_mb=memory("guided_gradcam"),
            runtime=runtime("guided_gradcam"),
        params:
            digest=step_digest("guided_gradcam"),
        message:
            "Guided Grad-CAM of shard {wildcards.shard} ({wildcards.model}, {wildcards.target})"
        script:
            "../scripts/guided_gradcam.py"
