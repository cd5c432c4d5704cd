from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.shards import write_json
    from saliency.tables import provenance

    write_json(provenance(snakemake.config, snakemake.input), snakemake.output[0])
