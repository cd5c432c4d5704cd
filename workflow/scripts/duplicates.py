from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.leakage.files import write_duplicates

    write_duplicates(snakemake.config, list(map(Path, snakemake.input)), Path(snakemake.output[0]))
