from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.report.model_data import write_model_data

    write_model_data(
        snakemake.config,
        snakemake.wildcards.model,
        Path(snakemake.input.metrics),
        snakemake.input.grids,
        {name: snakemake.input[name] for name in ("distributions", "groups", "clusters", "mean_maps")},
        dict(snakemake.output.items()),
    )
