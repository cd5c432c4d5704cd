from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import fused

    shard = int(snakemake.wildcards.shard)
    job = ShardJob(snakemake.config, snakemake.wildcards.model, shard, {}, snakemake.input.descriptions)
    # Which array each file holds, the plan says, and it is made only once: a long manifest takes seconds to read.
    job.files = dict(zip(job.plan.arrays, snakemake.output, strict=True))
    fused(job)
