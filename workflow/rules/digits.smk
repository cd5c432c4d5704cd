rule plant_watermarks:
    output:
        PLAN.digit_files,
    log:
        f"{RESULTS}/logs/plant_watermarks.log",
    conda:
        "../envs/saliency.yaml"
    params:
        digest=PLAN.digits_digest(),
    message:
        "Write handwritten digits, some with a watermark"
    script:
        "../scripts/plant_watermarks.py"
