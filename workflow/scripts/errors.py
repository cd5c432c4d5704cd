from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.tables import write_errors

    tables = dict(zip(snakemake.config["models"], map(Path, snakemake.input), strict=True))
    write_errors(tables, Path(snakemake.output[0]))
