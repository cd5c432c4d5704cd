rule plant_watermarks:
    input:
        named(SOURCES.made_manifest),
    output:
        named(SOURCES.demo_files),
    log:
        f"{RESULTS}/logs/plant_watermarks.log",
    conda:
        "../envs/saliency.yaml"
    resources:
        mem_mb=memory("plant_watermarks"),
        runtime=runtime("plant_watermarks"),
    params:
        digest=DIGESTS.of("plant_watermarks"),
    message:
        "Write handwritten digits, some with a watermark"
    script:
        "../scripts/plant_watermarks.py"
