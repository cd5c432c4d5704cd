from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.plan import Plan
    from saliency.store import write_metadata

    # The group's own zarr.json is the first output, at the root of the store.
    root = Path(snakemake.output[0]).parent
    write_metadata(Plan(snakemake.config), snakemake.wildcards.model, root, snakemake.input)
