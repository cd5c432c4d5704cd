from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.tables import write_predictions

    store = Path(snakemake.input.logits[0]).parents[1]
    description, output = Path(snakemake.input.description), Path(snakemake.output[0])
    write_predictions(snakemake.config, snakemake.wildcards.model, store, description, output)
