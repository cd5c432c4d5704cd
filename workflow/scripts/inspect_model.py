from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.networks.describe import write_descriptions

    write_descriptions(snakemake.config, snakemake.wildcards.model, dict(snakemake.output.items()))
