from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shard_job import ShardJob
    from saliency.steps import explain_shard

    method, target, shard = snakemake.rule, snakemake.wildcards.target, int(snakemake.wildcards.shard)
    files = {
        "inputs": snakemake.input.inputs,
        f"{target}/class": snakemake.input.classes,
        f"{target}/{method}": snakemake.output.maps,
    }
    if snakemake.input.region:
        files["region"] = snakemake.input.region[0]
    descriptions = snakemake.input.get("descriptions", [])
    explain_shard(ShardJob(snakemake.config, snakemake.wildcards.model, shard, files, descriptions), method, target)
