from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.figures import draw_samples
    from saliency.sample_maps import SampleReader

    store = Path(snakemake.input.shards[0]).parents[1]
    reader = SampleReader(
        snakemake.config, snakemake.wildcards.model, snakemake.wildcards.target, store, snakemake.input.descriptions
    )
    names = list(reader.plan.chosen["id"])
    if reader.plan.ndim == 3:
        names += [f"{name}/montage" for name in names]
    outputs = dict(zip(names, map(Path, snakemake.output), strict=True))
    draw_samples(reader, Path(snakemake.input.predictions), outputs)
