rule export:
    input:
        **{name: shard_of_sample(name) for name in DRAWN},
        descriptions=DESCRIPTIONS,
    output:
        **EXPORTS,
    log:
        f"{RESULTS}/logs/{{model}}/{{target}}/export/{{sample}}.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("export"),
        runtime=runtime("export"),
    params:
        digest=export_digest,
    message:
        "Write the maps of {wildcards.sample} as NIfTI ({wildcards.model}, {wildcards.target})"
    script:
        "../scripts/export.py"
