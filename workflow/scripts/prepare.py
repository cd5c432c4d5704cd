from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import prepare

    files = {"inputs": snakemake.output.inputs, "status": snakemake.output.status}
    prepare(ShardJob(snakemake.config, snakemake.wildcards.model, int(snakemake.wildcards.shard), files))
