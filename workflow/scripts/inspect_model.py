from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.descriptions import write_descriptions

    write_descriptions(snakemake.config, snakemake.wildcards.model, dict(snakemake.output.items()))
