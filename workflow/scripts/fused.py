from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.plan import Plan
    from saliency.shard_job import ShardJob
    from saliency.steps import fused

    files = dict(zip(Plan(snakemake.config).arrays, snakemake.output, strict=True))
    shard = int(snakemake.wildcards.shard)
    fused(ShardJob(snakemake.config, snakemake.wildcards.model, shard, files, snakemake.input.descriptions))
