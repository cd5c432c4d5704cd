from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.demos.shortcut import Watermark, write_pictures
    from saliency.experiment.plan import Plan

    watermark = Watermark(**snakemake.config["digits"])
    write_pictures(Plan(snakemake.config).samples, watermark, snakemake.output)
