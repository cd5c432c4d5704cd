from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.training import train_model

    store = Path(snakemake.input[0]).parents[1]
    weights, history = map(Path, snakemake.output)
    train_model(snakemake.config, snakemake.wildcards.model, store, weights, history)
