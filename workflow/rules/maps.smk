for NAME in PLAN.methods:
    LAYER = [TARGET_LAYER] if with_layer([NAME]) else []

    if method(NAME).parts:

        rule:
            name:
                NAME
            input:
                **{part: of_target(part) for part in method(NAME).parts},
                descriptions=LAYER,
            output:
                **{NAME: of_target(NAME)},
            log:
                f"{RESULTS}/logs/{{model}}/{{target}}/{NAME}/{{shard}}.log",
            conda:
                "../envs/saliency.yaml"
            threads: config["threads"]
            resources:
                mem_mb=memory(NAME),
                runtime=runtime(NAME),
            params:
                digest=step_digest(NAME),
            message:
                f"{method(NAME).title} of shard {{wildcards.shard}} ({{wildcards.model}}, {{wildcards.target}})"
            script:
                "../scripts/combine.py"

    else:

        rule:
            name:
                NAME
            input:
                **{"class": of_target("class"), **REGION},
                inputs=of_target("inputs"),
                weights=made_weights,
                descriptions=LAYER,
            output:
                **{NAME: of_target(NAME)},
            log:
                f"{RESULTS}/logs/{{model}}/{{target}}/{NAME}/{{shard}}.log",
            conda:
                "../envs/saliency.yaml"
            threads: config["threads"]
            resources:
                mem_mb=memory(NAME),
                runtime=runtime(NAME),
                gpu=GPUS,
            params:
                digest=step_digest(NAME),
            message:
                f"{method(NAME).title} of shard {{wildcards.shard}} ({{wildcards.model}}, {{wildcards.target}})"
            script:
                "../scripts/explain.py"
