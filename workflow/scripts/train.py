from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.train import train_model

    weights, history = Path(snakemake.output.weights), Path(snakemake.output.history)
    train_model(snakemake.config, snakemake.wildcards.model, snakemake.input.inputs, weights, history)
