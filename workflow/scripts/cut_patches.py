from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.demos.patches import cut_patches
    from saliency.experiment.plan import Plan
    from saliency.files.paths import resolve

    plan, settings = Plan(snakemake.config), snakemake.config["patches"]
    folders = [resolve(settings[kind], Path()) for kind in ("volumes", "masks")]
    cut_patches(plan.samples, *folders, settings["size"], settings["seed"], list(map(Path, snakemake.output)))
