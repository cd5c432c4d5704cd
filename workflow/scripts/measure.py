from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.measure import measure
    from saliency.store.shard import Shard

    files, number = dict(snakemake.input.items()), int(snakemake.wildcards.shard)
    shard = Shard(snakemake.config, snakemake.wildcards.model, number, files, snakemake.input.descriptions)
    measure(shard, Path(snakemake.output.table), Path(snakemake.output.grids))
