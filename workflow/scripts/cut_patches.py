from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.demos.patches import cut_patches
    from saliency.experiment.plan import Plan

    plan, settings = Plan(snakemake.config), snakemake.config["patches"]
    folders = (Path(settings["volumes"]), Path(settings["masks"]))
    cut_patches(plan.samples, *folders, settings["size"], settings["seed"], list(map(Path, snakemake.output)))
