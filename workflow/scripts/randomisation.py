from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.checks.randomisation import write_randomisation

    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    files, descriptions = dict(snakemake.input.items()), snakemake.input.descriptions
    write_randomisation(snakemake.config, snakemake.wildcards.model, files, descriptions, **outputs)
