from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.leakage.fact_table import write_facts

    write_facts(snakemake.config, int(snakemake.wildcards.shard), Path(snakemake.output[0]))
