from pathlib import Path

from saliency.log import job_log

with job_log(snakemake.log[0]):
    from saliency.figures import draw_contact_sheet
    from saliency.sample_maps import SampleReader

    store = Path(snakemake.input.shards[0]).parents[1]
    reader = SampleReader(
        snakemake.config, snakemake.wildcards.model, snakemake.wildcards.target, store, snakemake.input.descriptions
    )
    selections = snakemake.config["plots"]["contact_sheets"]
    for selection, output in zip(selections, snakemake.output, strict=True):
        draw_contact_sheet(reader, Path(snakemake.input.predictions), selection, Path(output))
