from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.leakage.files import write_facts_test

    facts, predictions = list(map(Path, snakemake.input.facts)), Path(snakemake.input.predictions)
    write_facts_test(snakemake.config, facts, predictions, Path(snakemake.output[0]))
