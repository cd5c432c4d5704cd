from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.report.outlines import write_outlines

    shard, model = int(snakemake.wildcards.shard), snakemake.wildcards.model
    write_outlines(snakemake.config, model, shard, Path(snakemake.output[0]))
