from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.models import describe_target_layer
    from saliency.shards import write_json

    write_json(describe_target_layer(snakemake.config, snakemake.wildcards.model), snakemake.output[0])
