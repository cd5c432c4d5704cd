from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.export import export_sample
    from saliency.sample_maps import SampleReader

    store = Path(snakemake.input.shards[0]).parents[1]
    reader = SampleReader(
        snakemake.config, snakemake.wildcards.model, snakemake.wildcards.target, store, snakemake.input.descriptions
    )
    outputs = dict(zip(reader.plan.methods, map(Path, snakemake.output), strict=True))
    export_sample(reader, snakemake.wildcards.sample, outputs)
