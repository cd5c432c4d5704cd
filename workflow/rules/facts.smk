rule facts:
    input:
        made_files,
    output:
        FACTS,
    log:
        f"{RESULTS}/logs/facts/{{shard}}.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("facts"),
        runtime=runtime("facts"),
    params:
        digest=step_digest("facts"),
    message:
        "Read the facts of the files of shard {wildcards.shard}"
    script:
        "../scripts/facts.py"


rule facts_table:
    input:
        every_shard(FACTS),
    output:
        f"{RESULTS}/facts.csv",
    log:
        f"{RESULTS}/logs/facts.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("facts_table"),
        runtime=runtime("facts_table"),
    params:
        digest=step_digest("facts_table"),
    message:
        "Tabulate the facts of the files"
    script:
        "../scripts/facts_table.py"


rule duplicates:
    input:
        every_shard(FACTS),
    output:
        DUPLICATES,
    log:
        f"{RESULTS}/logs/duplicates.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("duplicates"),
        runtime=runtime("duplicates"),
    params:
        digest=step_digest("duplicates"),
    message:
        "Look for near duplicates"
    script:
        "../scripts/duplicates.py"


rule facts_test:
    input:
        facts=every_shard(FACTS),
        predictions=f"{RESULTS}/{{model}}/predictions.csv",
    output:
        FACTS_TEST,
    log:
        f"{RESULTS}/logs/{{model}}/facts_test.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("facts_test"),
        runtime=runtime("facts_test"),
    params:
        digest=step_digest("facts_test"),
    message:
        "Test what facts of the files tell ({wildcards.model})"
    script:
        "../scripts/facts_test.py"
