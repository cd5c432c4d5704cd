rule cut_patches:
    input:
        named([*SOURCES.patch_sources, *SOURCES.made_manifest]),
    output:
        named(SOURCES.patch_files),
    log:
        f"{RESULTS}/logs/cut_patches.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("cut_patches"),
        runtime=runtime("cut_patches"),
    params:
        digest=DIGESTS.of("cut_patches"),
    message:
        "Cut patches out of volumes"
    script:
        "../scripts/cut_patches.py"
