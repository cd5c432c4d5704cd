rule plant_logos:
    input:
        named(SOURCES.made_manifest),
    output:
        named(SOURCES.demo_files),
    log:
        f"{RESULTS}/logs/plant_logos.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("plant_logos"),
        runtime=runtime("plant_logos"),
    params:
        digest=DIGESTS.of("plant_logos"),
    message:
        "Cut pictures out of photographs, and paste a logo into some"
    script:
        "../scripts/plant_logos.py"
