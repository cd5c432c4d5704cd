from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.explain import explain_shard
    from saliency.store.shard import Shard

    files = {**dict(snakemake.input.items()), **dict(snakemake.output.items())}
    model, target, number = snakemake.wildcards.model, snakemake.wildcards.target, int(snakemake.wildcards.shard)
    shard = Shard(snakemake.config, model, number, files, snakemake.input.descriptions, target)
    (method,) = snakemake.output.keys()
    explain_shard(shard, method, target)
