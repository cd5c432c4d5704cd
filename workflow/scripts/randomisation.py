from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.randomisation_report import write_randomisation

    store = Path(snakemake.input.shards[0]).parents[1]
    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    write_randomisation(snakemake.config, snakemake.wildcards.model, store, snakemake.input.descriptions, **outputs)
