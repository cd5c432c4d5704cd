from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.prepare import prepare
    from saliency.store.shard import Shard

    files = dict(snakemake.output.items())
    prepare(Shard(snakemake.config, snakemake.wildcards.model, int(snakemake.wildcards.shard), files))
