from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.fused import fused
    from saliency.store.shard import Shard

    files = dict(snakemake.output.items())
    number = int(snakemake.wildcards.shard)
    fused(Shard(snakemake.config, snakemake.wildcards.model, number, files, snakemake.input.descriptions))
