from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import multiply_shard

    target, shard = snakemake.wildcards.target, int(snakemake.wildcards.shard)
    files = {
        f"{target}/guided_backprop": snakemake.input.guided_backprop,
        f"{target}/gradcam": snakemake.input.gradcam,
        f"{target}/guided_gradcam": snakemake.output.maps,
    }
    multiply_shard(
        ShardJob(snakemake.config, snakemake.wildcards.model, shard, files, snakemake.input.descriptions), target
    )
