from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.plan import Plan
    from saliency.shortcut_demo import Watermark, write_pictures

    watermark = Watermark(**snakemake.config["digits"])
    write_pictures(Plan(snakemake.config).samples, watermark, Path(snakemake.output[0]).parent)
