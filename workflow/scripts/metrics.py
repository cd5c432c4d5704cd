from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.measure import write_metrics

    measures = list(map(Path, snakemake.input.measures))
    outputs = Path(snakemake.output.parquet), Path(snakemake.output.csv)
    write_metrics(snakemake.config, snakemake.wildcards.model, measures, Path(snakemake.input.predictions), *outputs)
