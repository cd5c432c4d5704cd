rule predictions:
    input:
        status=lambda wildcards: expand(shard("status"), shard=PLAN.shards, **wildcards),
        logits=lambda wildcards: expand(shard("logits"), shard=PLAN.shards, **wildcards),
        description=MODEL,
    output:
        report(
            f"{RESULTS}/{{model}}/predictions.csv",
            caption="../report/predictions.rst",
            category="Predictions",
            labels={"model": "{model}", "table": "predictions"},
        ),
    log:
        f"{RESULTS}/logs/{{model}}/predictions.log",
    priority: 10
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("predictions"),
        runtime=runtime("predictions"),
    params:
        digest=step_digest("predictions"),
    message:
        "Tabulate the predictions of {wildcards.model}"
    script:
        "../scripts/predictions.py"


# It takes a second or two, also where other jobs run on a cluster.
rule errors:
    input:
        predictions=expand(f"{RESULTS}/{{model}}/predictions.csv", model=PLAN.models),
        descriptions=expand(MODEL, model=PLAN.models),
    output:
        report(
            f"{RESULTS}/errors.csv",
            caption="../report/errors.rst",
            category="Predictions",
            labels={"model": "all", "table": "samples without a result"},
        ),
    log:
        f"{RESULTS}/logs/errors.log",
    priority: 10
    localrule: True
    conda:
        "../envs/saliency.yaml"
    params:
        digest=DIGESTS.of("errors"),
    message:
        "List the samples without a result"
    script:
        "../scripts/errors.py"


# It takes a second or two, also where other jobs run on a cluster.
rule provenance:
    input:
        **{
            f"descriptions{number}": expand(path, model=PLAN.models)
            for number, path in enumerate(DESCRIPTIONS)
        },
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{RESULTS}/logs/provenance.log",
    localrule: True
    conda:
        "../envs/saliency.yaml"
    params:
        digest=lambda wildcards: DIGESTS.of("provenance"),
    message:
        "Record the provenance"
    script:
        "../scripts/provenance.py"
