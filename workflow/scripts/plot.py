from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.figures import MapReader, draw_samples

    store = Path(snakemake.input.shards[0]).parents[1]
    reader = MapReader(
        snakemake.config, snakemake.wildcards.model, snakemake.wildcards.target, store, snakemake.input.descriptions
    )
    draw_samples(reader, Path(snakemake.input.predictions), list(map(Path, snakemake.output)))
