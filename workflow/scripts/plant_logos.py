from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.demos.textures import write_pictures
    from saliency.experiment.plan import Plan

    write_pictures(Plan(snakemake.config).samples, snakemake.config["textures"]["logo"], snakemake.output)
