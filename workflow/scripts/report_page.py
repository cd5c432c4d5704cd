from pathlib import Path

from saliency.job import job_log

with job_log(snakemake.log[0]):
    from saliency.report.document import write_report

    write_report(
        snakemake.config,
        snakemake.input.predictions,
        snakemake.input.findings,
        Path(snakemake.input.errors),
        Path(snakemake.output.page).parent,
        list(map(Path, snakemake.input.facts)),
        {name: snakemake.input[name] for name in snakemake.params.shown},
        {name: snakemake.input[f"table_{name}"] for name in snakemake.params.plotted},
    )
