from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.figures.files import draw_contact_sheets

    draw_contact_sheets(
        snakemake.config,
        snakemake.wildcards.model,
        snakemake.wildcards.target,
        dict(snakemake.input.items()),
        snakemake.input.descriptions,
        Path(snakemake.input.predictions),
        dict(snakemake.output.items()),
    )
