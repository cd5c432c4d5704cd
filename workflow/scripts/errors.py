from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.failures import write_errors

    models = list(snakemake.config["models"])
    predictions, descriptions = (
        dict(zip(models, map(Path, files), strict=True))
        for files in (snakemake.input.predictions, snakemake.input.descriptions)
    )
    write_errors(snakemake.config, predictions, descriptions, Path(snakemake.output[0]))
