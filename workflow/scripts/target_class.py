from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import target_class

    target, shard = snakemake.wildcards.target, int(snakemake.wildcards.shard)
    files = {"logits": snakemake.input.logits, f"{target}/class": snakemake.output.classes}
    job = ShardJob(snakemake.config, snakemake.wildcards.model, shard, files, snakemake.input.descriptions)
    target_class(job, target)
