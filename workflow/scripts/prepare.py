from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import prepare

    shard = int(snakemake.wildcards.shard)
    prepare(ShardJob(snakemake.config, snakemake.wildcards.model, shard, dict(snakemake.output.items())))
