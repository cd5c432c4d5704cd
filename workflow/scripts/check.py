from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.checks.check import CheckJob
    from saliency.audit.checks.registered import checks

    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    model, target = snakemake.wildcards.model, snakemake.wildcards.get("target", "")
    files, descriptions = dict(snakemake.input.items()), snakemake.input.descriptions
    checks()[snakemake.params.check].write(CheckJob(snakemake.config, model, target, files, descriptions, outputs))
