from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import predict_shard

    files = {
        "inputs": snakemake.input.inputs,
        "status": snakemake.input.status,
        "logits": snakemake.output.logits,
    }
    if snakemake.input.region:
        files["region"] = snakemake.input.region[0]
    shard = int(snakemake.wildcards.shard)
    predict_shard(ShardJob(snakemake.config, snakemake.wildcards.model, shard, files, snakemake.input.descriptions))
