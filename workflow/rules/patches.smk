rule cut_patches:
    input:
        PLAN.patch_sources,
    output:
        PLAN.patch_files,
    log:
        f"{RESULTS}/logs/cut_patches.log",
    conda:
        "../envs/saliency.yaml"
    params:
        digest=PLAN.patch_digest(),
    message:
        "Cut patches out of volumes"
    script:
        "../scripts/cut_patches.py"
