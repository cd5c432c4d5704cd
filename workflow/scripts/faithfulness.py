from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.checks.faithfulness import write_faithfulness

    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    model, target = snakemake.wildcards.model, snakemake.wildcards.target
    files, descriptions = dict(snakemake.input.items()), snakemake.input.descriptions
    write_faithfulness(snakemake.config, model, target, files, descriptions, **outputs)
