from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.steps.export import export_sample

    export_sample(
        snakemake.config,
        snakemake.wildcards.model,
        snakemake.wildcards.target,
        snakemake.wildcards.sample,
        dict(snakemake.input.items()),
        snakemake.input.descriptions,
        dict(snakemake.output.items()),
    )
