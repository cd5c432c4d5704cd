from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.check.model_check import inspect_model

    inspect_model(snakemake.config, snakemake.wildcards.model, dict(snakemake.output.items()))
