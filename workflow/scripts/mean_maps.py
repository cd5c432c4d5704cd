from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.audit.files import write_mean_maps

    shards = {"class": snakemake.input.classes, "maps": snakemake.input.maps}
    # A Zarr group is the folder of its zarr.json.
    root = Path(snakemake.output.group).parent
    names = snakemake.wildcards.model, snakemake.wildcards.target
    write_mean_maps(snakemake.config, *names, shards, snakemake.input.descriptions, root)
