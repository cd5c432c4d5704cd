from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.files import write_mean_maps

    shards = {"class": snakemake.input.classes, "gradcam": snakemake.input.gradcam}
    root = Path(snakemake.output[0]).parent
    names = snakemake.wildcards.model, snakemake.wildcards.target
    write_mean_maps(snakemake.config, *names, shards, snakemake.input.descriptions, root)
