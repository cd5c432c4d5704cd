from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.experiment.plan import Plan
    from saliency.store.layout import write_metadata

    # A store is the folder of its zarr.json.
    root = Path(snakemake.output.group).parent
    write_metadata(Plan(snakemake.config), snakemake.wildcards.model, root, snakemake.input)
