from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.predict import predict_shard
    from saliency.store.shard import Shard

    files = {**dict(snakemake.input.items()), **dict(snakemake.output.items())}
    number = int(snakemake.wildcards.shard)
    predict_shard(Shard(snakemake.config, snakemake.wildcards.model, number, files, snakemake.input.descriptions))
