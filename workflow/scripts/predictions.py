from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.predictions import write_predictions

    shards = snakemake.input.status, snakemake.input.logits
    description, output = Path(snakemake.input.description), Path(snakemake.output[0])
    write_predictions(snakemake.config, snakemake.wildcards.model, *shards, description, output)
