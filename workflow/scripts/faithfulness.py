from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.faithfulness_report import write_faithfulness

    store = Path(snakemake.input.shards[0]).parents[1]
    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    write_faithfulness(
        snakemake.config,
        snakemake.wildcards.model,
        snakemake.wildcards.target,
        store,
        snakemake.input.descriptions,
        **outputs,
    )
