from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.shard_measures import measure
    from saliency.shard_job import ShardJob

    files = {"inputs": snakemake.input.inputs}
    for array, paths in (
        ("class", snakemake.input.classes),
        ("gradcam", snakemake.input.gradcam),
        ("guided_backprop", snakemake.input.guided_backprop),
    ):
        files |= {f"{Path(path).parents[1].name}/{array}": path for path in paths}
    shard = int(snakemake.wildcards.shard)
    job = ShardJob(snakemake.config, snakemake.wildcards.model, shard, files, snakemake.input.descriptions)
    measure(job, Path(snakemake.output.table), Path(snakemake.output.grids))
