from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.leakage.fact_table import write_fact_table

    write_fact_table(list(map(Path, snakemake.input)), Path(snakemake.output[0]))
