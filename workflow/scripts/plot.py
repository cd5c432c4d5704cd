from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.figures.files import draw_samples

    draw_samples(
        snakemake.config,
        snakemake.wildcards.model,
        snakemake.wildcards.target,
        dict(snakemake.input.items()),
        snakemake.input.descriptions,
        Path(snakemake.input.predictions),
        snakemake.output.samples,
        snakemake.output.montages,
    )
